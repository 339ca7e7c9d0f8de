// The images of one model at a time, or all side by side; without it they stand side by side.
for (const form of document.querySelectorAll("form.switch")) {
  const section = form.closest("section");
  const show = () => {
    const shown = form.elements.shown.value;
    section.classList.toggle("single", shown !== "");
    for (const image of section.querySelectorAll(".strip img")) {
      image.closest("figure").hidden = shown !== "" && image.alt !== shown;
    }
  };
  form.hidden = false;
  form.elements.shown[form.elements.shown.length - 2].checked = true;  // the fastest model
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
