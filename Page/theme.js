// Sets the chosen colour theme before the first paint: a module would run after it, and the page
// would flash.
{
  const root = document.documentElement;
  const chosen = localStorage.getItem("theme");
  if (chosen) root.dataset.theme = chosen;

  const publish = () => document.dispatchEvent(new Event("theme"));
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", publish);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#theme")) return;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    publish();
  });
}
