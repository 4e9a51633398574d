// Asks for the token of a service that is open to a network.

/** Visible ASCII, as tokens have: a header takes no other letters. */
const isToken = (text) => /^[\x21-\x7e]+$/.test(text);

/** Shows the dialog until a token is given; `wasRefused` says that the last one was wrong. */
export function askForToken(wasRefused) {
  const dialog = document.getElementById("token-dialog");
  const field = document.getElementById("token");
  const refused = document.getElementById("token-refused");
  refused.hidden = !wasRefused;
  field.value = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    dialog.onsubmit = (event) => {
      const token = field.value.trim();
      if (isToken(token)) {
        dialog.onclose = null;
        return resolve(token);
      }
      event.preventDefault();
      refused.hidden = false;
      field.select();
    };
    // Without a token the page can't be used. Not every Escape can be prevented, but the dialog can open again.
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => dialog.showModal();
  });
}
