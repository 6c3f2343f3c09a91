"""The web page: pictures of slices, the state of one browser session, and the page that shows it."""
