// What Gradio's own widgets lack for screen readers; they draw themselves anew, so it is mended whenever they do.
() => {
  const mend = () => {
    for (const list of document.querySelectorAll('#chat .examples[role="list"]')) list.setAttribute("role", "group");
    // the arrow of an accordion is a button without a name inside a button: the outer one does it all
    for (const arrow of document.querySelectorAll('#chat .title[role="button"] button')) arrow.inert = true;
  };
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
}
