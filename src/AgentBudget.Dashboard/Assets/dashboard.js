// What only a browser can do: keys, the theme, and finding back to a silo that was restarted.
const root = document.documentElement;

function toggleTheme() {
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("agentbudget-theme", root.dataset.theme);
}

document.addEventListener("click", event => {
  if (event.target.closest("[data-theme-toggle]")) toggleTheme();
});

// "g" and a letter goes to a page; "/" to the field that finds; "t" changes the theme; space pauses.
let isGoing = false;
document.addEventListener("keydown", event => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("[role=dialog]")) return;
  if (isGoing) {
    isGoing = false;
    const link = [...document.querySelectorAll("[data-key]")].find(one => one.dataset.key === event.key);
    if (link) {
      event.preventDefault();
      link.click();
    }
    return;
  }

  const arrow = { ArrowLeft: "left", ArrowRight: "right" }[event.key];
  const target = event.key === "/" ? document.querySelector("[data-find]")
    : arrow ? document.querySelector(`[data-key-arrow=${arrow}]`)
    : null;
  if (event.key === "g") isGoing = true;
  else if (event.key === "t") toggleTheme();
  else if (event.key === " " && !event.target.closest("button, a, summary")) {
    const pause = document.querySelector("[data-pause]");
    if (!pause) return;
    event.preventDefault();
    pause.click();
  } else if (target) {
    event.preventDefault();
    if (arrow) target.click();
    else target.focus();
  }
});

// A restarted silo knows nothing of this page any more: once another one answers, the page begins anew.
const instance = document.querySelector("meta[name=instance]")?.content;
let isAsking = false;

async function findServer() {
  if (isAsking) return;
  isAsking = true;
  for (;;) {
    try {
      const answer = await fetch("alive", { cache: "no-store" });
      if (answer.ok && await answer.text() !== instance) location.reload();
      if (answer.ok && !document.querySelector("#components-reconnect-modal.components-reconnect-show")) break;
    } catch {
      // It is not there yet.
    }
    await new Promise(resolve => setTimeout(resolve, 500));
  }
  isAsking = false;
}

const modal = document.getElementById("components-reconnect-modal");
modal?.addEventListener("components-reconnect-state-changed", event => {
  const state = event.detail.state;
  if (state === "show" || state === "retrying") findServer();
  else if (state === "rejected" || state === "failed") location.reload();
});
