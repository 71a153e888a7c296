// Shows the description of the API of the tenant that the page belongs to. Nothing is asked of other servers.
(async (prefix) => {
  const answer = await fetch(`${prefix}/openapi.json`);
  const spec = await answer.json();
  spec.servers = [{ url: prefix || '/' }];
  SwaggerUIBundle({ spec, dom_id: '#reference', deepLinking: true, validatorUrl: null });
})(document.currentScript.dataset.prefix);
