// Loads the files of docs/operations that other programs load, as those read them: alert rules of Prometheus and a
// dashboard of Grafana. Every expression is parsed by Prometheus' own grammar, and asks only for metrics and labels that
// the documents list, which tests hold to what is served. Ends with a line "N passed, N failed".
import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { parse as parseYaml } from 'yaml';

const COLUMNS = 24; // Of a dashboard of Grafana.
const SUFFIXES = { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] };
const DURATION = /^[0-9]+[smhd]$/;
const GATEWAY_LABELS = ['gen_ai_operation_name', 'gen_ai_provider_name'];

let passed = 0;
let failed = 0;

function check(name, faults) {
  if (faults.length === 0) {
    passed++;
    return;
  }

  failed++;
  console.log(`FAILED ${name}`);
  for (const fault of faults) console.log(`  ${fault}`);
}

// Metrics with their labels, by the names of their samples, from the tables of a document.
function documented(file, more) {
  const samples = new Map();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, name, type, labels] = line.split('|').map(cell => cell.trim());
    if (!/^`[a-z_]+`$/.test(name ?? '') || !(type in SUFFIXES)) continue;
    const known = [...labels.matchAll(/`([a-z_]+)`/g)].map(match => match[1]);
    for (const suffix of SUFFIXES[type])
      samples.set(name.slice(1, -1) + suffix, new Set([...known, ...more, ...(suffix === '_bucket' ? ['le'] : [])]));
  }

  return samples;
}

const samples = new Map([
  ...documented('docs/metrics.md', []),
  ...documented('docs/gateway.md', GATEWAY_LABELS),
]);

// What is wrong with an expression: its grammar, its metrics, its labels.
function faultsOf(expression) {
  const text = expression.replaceAll('$__rate_interval', '5m');
  const faults = [];
  const metrics = [];
  const labels = [];
  parser.parse(text).iterate({
    enter(node) {
      const word = text.slice(node.from, node.to);
      if (node.type.isError) faults.push(`no PromQL at ${node.from}: ${text}`);
      else if (node.name === 'VectorSelector') metrics.push(/^[a-zA-Z_:]+/.exec(word)?.[0] ?? '');
      else if (node.name === 'LabelName') labels.push(word);
    },
  });
  if (metrics.length === 0) faults.push(`asks for no metric: ${text}`);
  for (const metric of metrics) {
    if (!samples.has(metric)) faults.push(`there is no metric ${metric}: ${text}`);
    for (const label of labels)
      if (samples.has(metric) && !samples.get(metric).has(label)) faults.push(`${metric} has no label ${label}: ${text}`);
  }

  return faults;
}

function checkGrammar() {
  check('an unknown metric is seen', faultsOf('sum(agentbudget_nothing)').length === 1 ? [] : ['it is not']);
  check('an unknown label is seen', faultsOf('sum by (kim) (agentbudget_sessions)').length === 1 ? [] : ['it is not']);
  check('a broken expression is seen', faultsOf('sum(agentbudget_sessions').length > 0 ? [] : ['it is not']);
}

function checkAlerts(file) {
  const names = new Set();
  for (const group of parseYaml(readFileSync(file, 'utf8')).groups) {
    for (const rule of group.rules) {
      const faults = faultsOf(rule.expr);
      for (const key of Object.keys(rule))
        if (!['alert', 'expr', 'for', 'labels', 'annotations'].includes(key)) faults.push(`unknown key ${key}`);
      if (!/^[A-Z][A-Za-z]+$/.test(rule.alert) || names.has(rule.alert)) faults.push('its name is none, or is used twice');
      if (rule.for !== undefined && !DURATION.test(rule.for)) faults.push(`for is no duration: ${rule.for}`);
      if (!['page', 'warning', 'info'].includes(rule.labels?.severity)) faults.push('it has no severity');
      if (!rule.annotations?.summary || !rule.annotations?.description) faults.push('it does not say what to do');
      names.add(rule.alert);
      check(`alert ${rule.alert}`, faults);
    }
  }
}

function checkDashboard(file) {
  const dashboard = JSON.parse(readFileSync(file, 'utf8'));
  const ids = new Set();
  const taken = new Set();
  for (const panel of dashboard.panels) {
    const faults = (panel.targets ?? []).flatMap(target => faultsOf(target.expr));
    const { x, y, w, h } = panel.gridPos;
    if (x + w > COLUMNS) faults.push('it is wider than the page');
    for (let column = x; column < x + w; column++)
      for (let line = y; line < y + h; line++) {
        if (taken.has(`${column},${line}`)) faults.push(`another panel is at ${column}, ${line}`);
        taken.add(`${column},${line}`);
      }
    if (ids.has(panel.id)) faults.push(`its id ${panel.id} is another's`);
    ids.add(panel.id);
    if (panel.type !== 'row' && (!panel.description || panel.targets.length === 0)) faults.push('it says or shows nothing');
    check(`panel ${panel.title}`, faults);
  }
}

checkGrammar();
checkAlerts('docs/operations/alerts.yaml');
checkDashboard('docs/operations/grafana.json');
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
