// Lets a story grow on its page: asks for what was told since, and stays at the end if the reader is there.
const story = document.getElementById("story");
const state = document.getElementById("state");
const pause = 700;

const isAtEnd = () => window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 120;

async function grow() {
  const address = story.dataset.more.replace(/\d+$/, story.dataset.known);
  try {
    const answer = await fetch(address);
    if (answer.ok) {
      const told = await answer.json();
      const wasAtEnd = isAtEnd();
      story.insertAdjacentHTML("beforeend", told.html); // escaped by the server, which made it from its own templates
      story.dataset.known = told.known;
      if (told.html.trim() && wasAtEnd) window.scrollTo({ top: document.documentElement.scrollHeight });
      if (told.ended) {
        delete story.dataset.more;
        state.textContent = told.state;
        state.className = `state ${told.state.replaceAll(" ", "_")}`;
        if (told.state === "broke off") location.reload(); // the page says more of it
        return;
      }
    }
  } catch {
    state.textContent = "the page does not answer";
  }
  setTimeout(grow, pause);
}

// A drill that has told nothing yet has no story to grow.
setTimeout(story ? grow : () => location.reload(), pause);
