// Passkeys. Without this script, or without passkeys in the browser, their buttons stay hidden and the forms work with codes.
"use strict";

const toBytes = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
};

const toText = (bytes) => {
  const plain = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

const withBytes = (list) => (list ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));

// Older browsers have passkeys, but not the functions that read and write them as JSON.
const creationOf = (json) => PublicKeyCredential.parseCreationOptionsFromJSON?.(json) ?? {
  ...json,
  challenge: toBytes(json.challenge),
  user: { ...json.user, id: toBytes(json.user.id) },
  excludeCredentials: withBytes(json.excludeCredentials),
};

const requestOf = (json) => PublicKeyCredential.parseRequestOptionsFromJSON?.(json) ?? {
  ...json,
  challenge: toBytes(json.challenge),
  allowCredentials: withBytes(json.allowCredentials),
};

const answerOf = (credential) => {
  if (credential.toJSON) return credential.toJSON();
  const { response } = credential;
  const answer = {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: { clientDataJSON: toText(response.clientDataJSON) },
  };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) answer.response[name] = toText(response[name]);
  }
  if (response.getTransports) answer.response.transports = response.getTransports();
  return answer;
};

const optionsFrom = async (address, form) => {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  const response = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
  // The session or its proof has ended meanwhile: the page itself says so when it is opened anew.
  if (response.status === 403 || response.redirected) location.assign(location.href);
  if (!response.ok) throw new Error(`The challenge was refused: ${response.status}`);
  return response.json();
};

// One passkey at a time: asks for the challenge, lets the device answer, and sends the form with the answer.
const use = async (button) => {
  const { form } = button;
  const { number, publicKey } = await optionsFrom(button.dataset.options, form);
  const credential = button.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey: creationOf(publicKey) })
    : await navigator.credentials.get({ publicKey: requestOf(publicKey) });
  form.elements[button.dataset.answer].value = JSON.stringify({ number, answer: answerOf(credential) });
  // Not requestSubmit: what else the form asks for is the other way, and may be empty.
  form.submit();
};

if (window.PublicKeyCredential && navigator.credentials) {
  for (const part of document.querySelectorAll("[data-passkeys]")) part.hidden = false;
  for (const part of document.querySelectorAll("[data-no-passkeys]")) part.hidden = true;
  for (const button of document.querySelectorAll("button[data-passkey]")) {
    const said = button.form.querySelector("[data-said]");
    const needs = (button.dataset.needs ?? "").split(" ").filter(Boolean).map((name) => button.form.elements[name]);
    button.addEventListener("click", async () => {
      if (!needs.every((field) => field.reportValidity())) return;
      button.disabled = true;
      said.textContent = "";
      try {
        await use(button);
      } catch (error) {
        said.textContent = error.name === "InvalidStateError" ? said.dataset.known : said.dataset.said;
        button.disabled = false;
        button.focus();
      }
    });
  }
}
