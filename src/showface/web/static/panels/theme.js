// Light, dark, or as the system is.

const KEY = "showface.theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

export function connectTheme() {
  const button = document.querySelector("#theme");
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${theme}`);
    button.title = `Colours: ${theme}`;
  };
  button.addEventListener("click", () => {
    const theme = NEXT[document.documentElement.dataset.theme] ?? "system";
    localStorage.setItem(KEY, theme);
    show(theme);
  });
  show(localStorage.getItem(KEY) in NEXT ? localStorage.getItem(KEY) : "system");
}
