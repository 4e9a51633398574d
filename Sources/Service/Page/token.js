// Asks for the token of a service that is open to a network.

/** Shows the dialog until a token is given; `wasRefused` says that the last one was wrong. */
export function askForToken(wasRefused) {
  const dialog = document.getElementById("token-dialog");
  const field = document.getElementById("token");
  document.getElementById("token-refused").hidden = !wasRefused;
  field.value = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    // Without a token the page can't be used.
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onsubmit = () => resolve(field.value.trim());
  });
}
