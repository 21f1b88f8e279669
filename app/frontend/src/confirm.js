// <form data-confirm="Withdraw this request?"> asks first, in the page's own dialog (see macros/ui.html).
export function confirmFirst(Modal) {
  const dialog = document.querySelector("#confirm");
  if (!dialog) return;
  const modal = Modal.getOrCreateInstance(dialog);
  let waiting = null;
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      const button = event.submitter;
      const question = button?.dataset.confirm ?? form.dataset.confirm;
      if (!question || form.dataset.confirmed) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      waiting = { form, button };
      dialog.querySelector("[data-confirm-question]").textContent = question;
      const yes = dialog.querySelector("[data-confirm-go]");
      yes.textContent = button?.dataset.confirmYes ?? form.dataset.confirmYes ?? button?.textContent.trim() ?? yes.textContent;
      modal.show();
    },
    true,
  );
  dialog.querySelector("[data-confirm-go]").addEventListener("click", () => {
    modal.hide();
    if (!waiting) return;
    const { form, button } = waiting;
    form.dataset.confirmed = "yes";
    form.requestSubmit(button ?? undefined);
    delete form.dataset.confirmed;
    waiting = null;
  });
  dialog.addEventListener("shown.bs.modal", () => dialog.querySelector("[data-confirm-go]").focus());
}
