// A form is sent once: a second click while the answer is awaited does nothing.
export function guardForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method.toLowerCase() !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll('button[type="submit"], button:not([type])')) {
      button.classList.add("is-busy");
      button.setAttribute("aria-disabled", "true");
    }
  });
  // The back button may bring the page back as it was left: let the form be sent again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll(".is-busy")) {
        button.classList.remove("is-busy");
        button.removeAttribute("aria-disabled");
      }
    }
  });
  // One click fills the login form with a demo account (local mode only).
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill-email]");
    if (!button) return;
    document.querySelector("#email").value = button.dataset.fillEmail;
    document.querySelector("#password").value = button.dataset.fillPassword;
    document.querySelector("#email").form.requestSubmit();
  });
}
