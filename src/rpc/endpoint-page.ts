import type { Dispatcher } from './dispatcher.ts';

/** A page of links to every method, for people who open the RPC address in a browser. */
export function endpointPage(dispatcher: Dispatcher, host: string): string {
  const base = `//${escapeHtml(host)}`;
  const plain = dispatcher.names.filter((name) => dispatcher.paramNames(name).length === 0);
  const withParams = dispatcher.names.filter((name) => dispatcher.paramNames(name).length > 0);
  const links = plain.map((name) => link(`${base}/${name}`));
  const forms = withParams.map((name) => {
    const query = dispatcher.paramNames(name).map((param) => `${param}=_`);
    return link(`${base}/${name}?${query.join('&amp;')}`);
  });
  return [
    '<!doctype html><html><head><meta charset="utf-8"><title>RPC endpoints</title></head><body>',
    '<h1>RPC endpoints</h1><h2>Without arguments</h2>',
    ...links,
    '<h2>With arguments</h2>',
    ...forms,
    '</body></html>',
  ].join('\n');
}

function link(target: string): string {
  return `<a href="${target}">${target}</a><br>`;
}

/** The Host header is the sender's own text: printed raw it would be a script's way in. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
