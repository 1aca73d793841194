/** A new run: a name and a recipe, which may start from that of another run. */
import { useEffect, useState } from 'preact/hooks';
import { ask, detailOf } from './state.js';

const FIRST = { command: 'prune', model: 'resnet8', data: 'digits', method: 'gmp', sparsity: 0.9, epochs: 5 };

/** Settings of the place where a run was made, which a new one finds by itself. */
const OWN = ['version'];

export function NewRun({ like }: { like: string }) {
  const [name, setName] = useState(like ? `${like}-again` : 'mine');
  const [recipe, setRecipe] = useState('');
  const [problem, setProblem] = useState('');
  useEffect(() => {
    if (!like) return setRecipe(JSON.stringify(FIRST, null, 2));
    detailOf(like).then(
      (detail) => {
        const kept = Object.entries(detail.recipe).filter(([key]) => !OWN.includes(key));
        setRecipe(JSON.stringify(Object.fromEntries(kept), null, 2));
      },
      (error: Error) => setProblem(error.message),
    );
  }, [like]);
  const start = async (event: Event) => {
    event.preventDefault();
    let value: object;
    try {
      value = JSON.parse(recipe);
    } catch (error) {
      return setProblem(`The recipe is not JSON: ${(error as Error).message}`);
    }
    setProblem('');
    const answer = await ask<{ id: string }>('api/start', { name, recipe: value });
    if (answer) location.hash = `#/run/${encodeURIComponent(answer.id)}`;
  };
  return (
    <form class="new" onSubmit={start}>
      <h1>New run</h1>
      <label>
        Name of the folder
        <input required value={name} onInput={({ currentTarget }) => setName(currentTarget.value)} />
      </label>
      <label>
        Recipe (JSON: the settings of train or prune)
        <textarea
          rows={24}
          spellcheck={false}
          value={recipe}
          onInput={({ currentTarget }) => setRecipe(currentTarget.value)}
        />
      </label>
      {problem && <p role="alert">{problem}</p>}
      <button type="submit">Start</button>
    </form>
  );
}
