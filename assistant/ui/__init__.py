"""Parts of the web page: pictures of slices, the state of one browser session, and the page built from them."""
