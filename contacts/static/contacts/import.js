// Disables the button while the server reads the file, which can take several seconds.
"use strict";

document.addEventListener("submit", (event) => {
  const button = event.target.querySelector(".sheet button");
  if (button) {
    button.disabled = true;
    button.textContent = "Please wait …";
  }
});
