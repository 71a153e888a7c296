// Keeps what is marked as live up to date. Without this script, the link "Refresh" does the same.
"use strict";
(() => {
  const live = document.querySelector("[data-live]");
  const toggle = document.querySelector("[data-live-toggle]");
  if (!live || !toggle) return;
  const pause = Number(live.dataset.live) * 1000;
  // A screen that nobody touches must not keep its session alive.
  const patience = 10 * 60 * 1000;
  let running = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let touched = Date.now();

  const label = () => { toggle.textContent = running ? "Pause updates" : "Resume updates"; };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { touched = Date.now(); });
  toggle.addEventListener("click", () => { running = !running; label(); });

  const update = async () => {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (!fresh) return;
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    // Details that the reader opened stay open.
    const open = [...live.querySelectorAll("details[id][open]")].map((details) => details.id);
    live.replaceChildren(...fresh.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const step = async () => {
    if (running && !document.hidden && Date.now() - touched < patience) {
      try {
        await update();
      } catch {
        running = false;
        label();
      }
    }
    setTimeout(step, pause);
  };
  label();
  toggle.hidden = false;
  setTimeout(step, pause);
})();
