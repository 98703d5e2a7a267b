// Without this file the page works too, with a reload for each step.
const form = document.getElementById("signup");
const answer = document.getElementById("answer");
const newest = document.getElementById("newest");

async function follow() {
  try {
    const response = await fetch("/newest");
    const html = await response.text();
    // Replaced only when it is different, so that a link keeps the keyboard's focus.
    if (html !== follow.last) newest.innerHTML = follow.last = html;
  } catch {
    answer.textContent = "The server does not answer; trying again.";
    follow.lost = true;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  answer.textContent = "…";
  try {
    const response = await fetch("/users", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ email: form.elements.email.value, name: form.elements.name.value }),
    });
    const body = await response.json();
    answer.textContent = response.ok ? `Welcome, ${body.name}.` : body.detail;
    if (response.ok) {
      form.reset();
      form.elements.name.focus();
    }
  } catch {
    answer.textContent = "The server does not answer.";
  }
  await follow();
});

setInterval(() => document.hidden || follow(), 1000);
