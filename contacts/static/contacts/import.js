// Shows how far an import has come while its form is being answered.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("[data-progress]");
  const shown = document.getElementById("progress");
  const bar = shown.querySelector("progress");
  const text = shown.querySelector("p");

  for (const form of page.querySelectorAll("form")) {
    form.addEventListener("submit", () => {
      const name = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
      form.querySelector("[name=progress]").value = name;
      form.querySelector("button").disabled = true;
      shown.hidden = false;
      watch(name);
    });
  }

  async function watch(name) {
    try {
      // A poll may meet the process that is busy with the import: give up soon, and ask anew.
      const answer = await fetch(`${page.dataset.progress}?name=${name}`, { signal: AbortSignal.timeout(1500) });
      const { done, total } = await answer.json();
      if (total) {
        bar.max = total;
        bar.value = done;
        text.textContent = `${done.toLocaleString()} of ${total.toLocaleString()} lines`;
      }
    } catch {
      // nothing to show yet
    }
    setTimeout(watch, 400, name);
  }
});
