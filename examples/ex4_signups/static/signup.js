// Without this file the page works too, with a reload for each step.
const form = document.getElementById("signup");
const answer = document.getElementById("answer");
const newest = document.getElementById("newest");

// The list is no live region: a screen reader would read it all day. What is said is how the last sign-up ended.
let signedUp = null;
let shown = "";
let lost = false;

async function follow() {
  try {
    const response = await fetch("/newest");
    const html = await response.text();
    if (lost) answer.textContent = "The server answers again.";
    lost = false;
    if (html !== shown) show(html);
  } catch {
    if (!lost) answer.textContent = "The server does not answer; trying again.";
    lost = true;
  }
}

function show(html) {
  const focused = document.activeElement.id; // a link of the list keeps the keyboard's focus
  newest.innerHTML = shown = html;
  if (focused) document.getElementById(focused)?.focus();
  const row = signedUp && document.getElementById(`user-${signedUp.id}`);
  if (!row || row.querySelector(".waiting")) return;
  const failed = row.querySelectorAll(".failed").length;
  answer.textContent = `Welcome, ${signedUp.name}. ${failed ? `${failed} of your tasks failed.` : "Your three tasks are done."}`;
  signedUp = null;
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
      signedUp = body;
      form.reset();
      form.elements.name.focus();
    }
  } catch {
    answer.textContent = "The server does not answer.";
  }
  await follow();
});

setInterval(() => document.hidden || follow(), 1000);
