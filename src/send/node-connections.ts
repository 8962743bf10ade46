/** One connection per broker: when to open it, how long to leave it alone, when to give it up, and which one to ask what any broker knows. */
import { assert } from '../shared/assert.ts';
import { backoffMs } from './backoff.ts';
import type { BrokerFeatures } from './events.ts';
import { canSend, dropRequests, type InFlightRequest } from './in-flight-requests.ts';
import type { BrokerAttempt, ConnectFailure } from './reports.ts';
import { emit, report, wakeBy, type NodeState, type SenderState } from './sender-state.ts';

/** Bootstrap servers have no broker id yet: they are numbered from -1 down. */
export function isBootstrap(node: NodeState): boolean {
  return node.id < 0;
}

/** Someone has something for this broker: connects if it is not connected and was left alone long enough. */
export function wantConnection(state: SenderState, node: NodeState, nowMs: number): void {
  if (node.status !== 'disconnected') return;
  if (nowMs < node.retryAtMs) {
    wakeBy(state, node.retryAtMs);
    return;
  }
  node.status = 'connecting';
  node.connection = state.nextConnection++;
  const { id, connection, host, port, failures } = node;
  emit(state, { type: 'connect', node: id, connection, host, port, attempt: failures });
}

/** The node whose present connection this is; undefined for a connection that was given up. */
export function nodeOf(state: SenderState, id: number, connection: number): NodeState | undefined {
  const node = state.nodes.get(id);
  return node?.connection === connection && node.status !== 'disconnected' ? node : undefined;
}

export function connectionReady(
  state: SenderState,
  node: NodeState,
  features: BrokerFeatures,
  nowMs: number,
): void {
  if (node.status === 'closing') return;
  assert(node.status === 'connecting', 'a connection becomes ready once');
  node.status = 'ready';
  node.describeProducers = features.describeProducers;
  node.raisesEpoch = features.transactions?.raisesEpoch ?? false;
  node.failures = 0;
  node.failure = undefined;
  node.lastUseMs = nowMs;
  state.dirtyNodes.add(node);
  wakeBy(state, nowMs + state.config.connectionsMaxIdleMs);
  if (state.unreachableSinceMs !== undefined) {
    report(state, { kind: 'brokersReachable', afterMs: nowMs - state.unreachableSinceMs });
    state.unreachableSinceMs = undefined;
  }
  if (node.lostSinceMs !== undefined) {
    const { id, host, port } = node;
    report(state, { kind: 'brokerBack', node: id, host, port, afterMs: nowMs - node.lostSinceMs });
    node.lostSinceMs = undefined;
  }
}

/**
 * The connection is gone, or never came to be.
 *
 * @param failure of an attempt that never became ready
 * @returns its open requests, oldest first, for which there will be no answer
 */
export function connectionGone(
  state: SenderState,
  node: NodeState,
  failure: { readonly reason: ConnectFailure; readonly message: string } | undefined,
  nowMs: number,
): InFlightRequest[] {
  const { config, random } = state;
  const isWanted = node.status !== 'closing';
  node.status = 'disconnected';
  node.throttledUntilMs = -Infinity;
  node.retryAtMs =
    nowMs +
    backoffMs(config.reconnectBackoffMs, config.reconnectBackoffMaxMs, node.failures, random);
  // An attempt that was given up because nobody wants it any more says nothing about the broker.
  if (failure !== undefined && isWanted) {
    node.failures += 1;
    node.failure = { reason: failure.reason, message: failure.message };
    sayIfUnreachable(state, node, nowMs);
  }
  state.dirtyNodes.add(node);
  return dropRequests(node);
}

function sayIfUnreachable(state: SenderState, node: NodeState, nowMs: number): void {
  if (state.unreachableSinceMs !== undefined) return;
  const nodes = [...state.nodes.values()];
  if (nodes.every(({ status, failures }) => status === 'disconnected' && failures > 0)) {
    state.unreachableSinceMs = nowMs;
    report(state, { kind: 'brokersUnreachable', attempts: attemptsOf(nodes) });
    return;
  }
  if (isBootstrap(node) || node.lostSinceMs !== undefined) return;
  if (!nodes.some(({ status }) => status === 'ready')) return;
  node.lostSinceMs = nowMs;
  const { id, host, port } = node;
  report(state, { kind: 'brokerLost', node: id, host, port, message: node.failure?.message ?? '' });
}

function attemptsOf(nodes: readonly NodeState[]): BrokerAttempt[] {
  const attempts = new Map<string, BrokerAttempt>();
  for (const { host, port, failure } of nodes) {
    if (failure !== undefined) attempts.set(`${host}:${String(port)}`, { host, port, ...failure });
  }
  return [...attempts.values()];
}

/** Closes the connection; its requests stay open until the shell says that the socket is closed. */
export function disconnect(state: SenderState, node: NodeState, reason: string): void {
  if (node.status !== 'ready' && node.status !== 'connecting') return;
  node.status = 'closing';
  emit(state, { type: 'disconnect', node: node.id, connection: node.connection, reason });
}

/**
 * KIP-219: the broker answered first and now leaves the connection alone for a while. So do we; requests already there are not late for it.
 * A later, shorter throttle does not take back an earlier one.
 */
export function throttle(
  state: SenderState,
  node: NodeState,
  throttleMs: number,
  nowMs: number,
): void {
  if (throttleMs <= 0 || node.status !== 'ready') return;
  node.throttledUntilMs = Math.max(node.throttledUntilMs, nowMs + throttleMs);
  for (const request of node.inFlight) request.deadlineMs += throttleMs;
  wakeBy(state, node.throttledUntilMs);
  report(state, { kind: 'throttled', node: node.id, throttleMs });
}

/** Closes connections with a late answer, and idle ones before the broker does. */
export function checkConnections(state: SenderState, nowMs: number): void {
  for (const node of state.nodes.values()) {
    if (node.status !== 'ready') continue;
    // One connection is answered in order, but a throttle may have moved the deadline of a younger request less.
    const late = node.inFlight.find(({ deadlineMs }) => deadlineMs <= nowMs);
    if (late !== undefined) {
      const { api } = late.question;
      const afterMs = nowMs - late.sentMs;
      report(state, { kind: 'requestTimedOut', node: node.id, api, afterMs });
      disconnect(state, node, `no answer to ${api} within ${String(Math.round(afterMs))} ms`);
      continue;
    }
    for (const { deadlineMs } of node.inFlight) wakeBy(state, deadlineMs);
    if (node.inFlight.length > 0) continue;
    const idleAtMs = node.lastUseMs + state.config.connectionsMaxIdleMs;
    if (idleAtMs <= nowMs) disconnect(state, node, 'idle for connections.max.idle.ms');
    else wakeBy(state, idleAtMs);
  }
}

/** One connection per broker: a bootstrap connection ends when the brokers are known and nothing is open on it. */
export function retireBootstrap(state: SenderState): void {
  if (state.metadata.answeredCount === 0 || state.metadata.rebootstrap) return;
  for (let node = state.dirtyNodes.first; node !== undefined; node = state.dirtyNodes.after(node)) {
    if (isBootstrap(node) && node.status === 'ready' && node.inFlight.length === 0) {
      disconnect(state, node, 'the brokers are known by id now');
    }
  }
}

/**
 * A broker for a question that any can answer: ready with the fewest open requests; else one is connected to, known brokers first, bootstrap
 * servers when there are none or none can be reached (KIP-899). Undefined: wait, an event or a tick will come.
 */
export function pickAnyNode(state: SenderState, nowMs: number): NodeState | undefined {
  let best: NodeState | undefined;
  let connecting = false;
  for (const node of state.nodes.values()) {
    if (state.metadata.rebootstrap && !isBootstrap(node)) continue;
    if (node.status === 'connecting') connecting = true;
    if (!canSend(state, node, nowMs)) continue;
    if (best === undefined || preferred(node, best)) best = node;
  }
  if (best !== undefined || connecting) return best;
  const candidate = nodeToConnect(state, nowMs);
  if (candidate !== undefined) wantConnection(state, candidate, nowMs);
  return undefined;
}

function preferred(a: NodeState, b: NodeState): boolean {
  if (isBootstrap(a) !== isBootstrap(b)) return isBootstrap(b);
  return a.inFlight.length < b.inFlight.length;
}

function nodeToConnect(state: SenderState, nowMs: number): NodeState | undefined {
  const down = [...state.nodes.values()].filter(({ status }) => status === 'disconnected');
  const known = state.metadata.rebootstrap ? [] : down.filter((node) => !isBootstrap(node));
  const healthy = known.filter(({ failures }) => failures === 0);
  // A known broker that is busy answers sooner or later; only when all are gone the names are asked again.
  const isAlone =
    state.metadata.rebootstrap || (mayRebootstrap(state) && !hasKnown(state, 'ready'));
  const others = isAlone ? [...known, ...down.filter(isBootstrap)] : known;
  const candidates = healthy.length > 0 ? healthy : others;
  const rested = candidates.filter(({ retryAtMs }) => retryAtMs <= nowMs);
  for (const { retryAtMs } of candidates) if (retryAtMs > nowMs) wakeBy(state, retryAtMs);
  const fewest = Math.min(...rested.map(({ failures }) => failures));
  const best = rested.filter(({ failures }) => failures === fewest);
  const picked = best[Math.floor(state.random() * best.length)];
  if (picked !== undefined) sayIfRebootstrapping(state, picked);
  return picked;
}

/** `metadata.recovery.strategy`: with none, what the bootstrap servers are for ends with the first answer. */
function mayRebootstrap({ config, metadata }: SenderState): boolean {
  return config.metadataRecoveryStrategy === 'rebootstrap' || metadata.answeredCount === 0;
}

function hasKnown(state: SenderState, status: NodeState['status']): boolean {
  for (const node of state.nodes.values()) {
    if (!isBootstrap(node) && node.status === status) return true;
  }
  return false;
}

function sayIfRebootstrapping(state: SenderState, picked: NodeState): void {
  const { answeredCount, rebootstrap } = state.metadata;
  if (!isBootstrap(picked) || picked.failures > 0 || answeredCount === 0 || rebootstrap) return;
  const message = 'no known broker can be reached: asking the bootstrap servers again';
  report(state, { kind: 'rebootstrapped', message });
}
