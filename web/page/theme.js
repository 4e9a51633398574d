// Sets the chosen colour theme before the first paint: a module would run after it, and the page
// would flash.
{
  const root = document.documentElement;
  // This script can't use kept.js. A storage that is full or forbidden keeps nothing.
  try {
    const chosen = localStorage.getItem("theme");
    if (["light", "dark"].includes(chosen)) root.dataset.theme = chosen;
  } catch {}

  const publish = () => document.dispatchEvent(new Event("theme"));
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", publish);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#theme")) return;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    publish();
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {}
  });
}
