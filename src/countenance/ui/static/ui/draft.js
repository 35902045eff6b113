// Drafts: what was changed is sent by itself, also when the page is left, and the page says what is not kept yet.
// Without this script a draft is saved by its button.
"use strict";

const SOON = { change: 1000, input: 2000 }; // ms after an answer, and after a letter of a note.
const AGAIN = 10000; // ms until the next try, where the server did not answer or failed.
const OUTLIVES = 60000; // bytes, of which browsers finish sending 65,536 once the page is gone.

const draft = (form) => {
  const status = document.getElementById(form.dataset.draft);
  const now = () => new URLSearchParams(new FormData(form)).toString();
  let kept = "unsaved" in form.dataset ? "" : now();
  let sent = "";
  let timer = 0;
  let failed = false;
  let over = false;

  // What is said already is not written again: it would be read out again.
  const say = (words) => { if (status.textContent !== words) status.textContent = words; };
  const later = (pause) => {
    clearTimeout(timer);
    timer = setTimeout(save, pause);
  };

  const send = async (words) => {
    const answer = await fetch(location.href, {
      method: "POST", body: new URLSearchParams(`${words}&save=1`), headers: { "HX-Request": "true" }, keepalive: words.length < OUTLIVES,
    });
    failed = !answer.ok;
    if (answer.ok) {
      kept = words;
      say(now() === kept ? "Draft saved" : "Not saved yet");
    } else if (answer.status === 401) {
      over = true;
      location.assign(answer.headers.get("HX-Redirect"));
    } else {
      say(answer.status === 422 ? await answer.text() : "The draft is not saved. The server refuses it.");
      if (answer.status >= 500) later(AGAIN);
    }
  };

  const save = async () => {
    clearTimeout(timer);
    const words = now();
    if (over || words === kept || words === sent) return;
    sent = words;
    try {
      await send(words);
    } catch {
      failed = true;
      say("The draft is not saved. The server does not answer.");
      later(AGAIN);
    }
    if (sent === words) sent = "";
  };

  const changed = (event) => {
    if (now() === kept) return;
    if (!failed) say("Not saved yet");
    later(SOON[event.type]);
  };

  for (const kind in SOON) form.addEventListener(kind, changed);
  form.addEventListener("submit", () => { over = true; });
  addEventListener("pagehide", save);
  document.addEventListener("visibilitychange", () => { if (document.hidden) save(); });
  if (!kept) {
    say("Not saved yet");
    later(SOON.change);
  }
};

for (const form of document.querySelectorAll("[data-draft]")) draft(form);
