// Light or dark as the system says. Loaded before the page is drawn, so that nothing flashes.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const apply = () => document.documentElement.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
apply();
dark.addEventListener("change", apply);
// Paper is light.
window.addEventListener("beforeprint", () => document.documentElement.setAttribute("data-bs-theme", "light"));
window.addEventListener("afterprint", apply);
