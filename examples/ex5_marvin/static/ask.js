// Asks, watches the states pass, shows the answer. What people or models wrote goes in with textContent only.
"use strict";

const byId = (id) => document.getElementById(id);
const KEPT = "questions"; // in this browser: the newest 30, as {id, question, ui}
const kept = () => JSON.parse(localStorage.getItem(KEPT) || "[]");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function call(method, address, body) {
  const options = { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) };
  try {
    const answer = await fetch(address, options);
    return { status: answer.status, ...(await answer.json()) };
  } catch {
    return { status: 503, detail: "the web app does not answer" };
  }
}

function card({ question, ui }, place) {
  const article = byId("card").content.firstElementChild.cloneNode(true);
  article.querySelector("h2").textContent = question;
  article.querySelector("a").href = ui;
  byId("questions")[place](article);
  return article;
}

async function follow(article, id) {
  const states = article.querySelector(".states");
  const text = article.querySelector(".answer");
  for (let wait = 150; ; wait = Math.min(wait * 1.3, 2000)) {
    const now = await call("GET", `/answer/${encodeURIComponent(id)}`);
    if (now.state && states.lastElementChild?.textContent !== now.state) {
      states.append(Object.assign(document.createElement("li"), { textContent: now.state }));
    }
    const waiting = now.status === 202 || now.status === 503;
    text.textContent = now.answer || now.detail || (now.status === 202 ? "" : now.message);
    text.classList.toggle("failed", now.status >= 400);
    if (now.status === 200) {
      article.querySelector(".source").textContent =
        `answered by ${now.answered_by}; tone: ${now.tone}${now.note ? `. Note: ${now.note}` : ""}`;
    }
    if (!waiting) return;
    await pause(wait);
  }
}

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const question = byId("question").value;
  const run = await call("POST", "/question", { question });
  byId("problem").textContent = run.status === 202 ? "" : run.detail;
  if (run.status !== 202) {
    byId("question").focus();
    return;
  }
  const one = { id: run.task_run_id, question, ui: run.ui };
  localStorage.setItem(KEPT, JSON.stringify([one, ...kept()].slice(0, 30)));
  byId("question").value = "";
  byId("forget").hidden = false;
  const article = card(one, "prepend");
  article.setAttribute("aria-live", "polite"); // what comes is read out; of the earlier ones all would be, at once
  follow(article, one.id);
});

byId("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("ask").requestSubmit();
});

byId("forget").addEventListener("click", () => {
  localStorage.removeItem(KEPT);
  location.reload();
});

byId("forget").hidden = kept().length === 0;
for (const one of kept()) follow(card(one, "append"), one.id);
