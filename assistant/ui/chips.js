// A click on a chip under an answer goes there. One listener on the whole chat: the chips come and go.
document.addEventListener("click", (event) => {
  const chip = event.target.closest("#chat [data-chip]");
  if (chip) trigger("select", { chip: Number(chip.dataset.chip) });
});
