import net from 'node:net';

/**
 * Whether a process has the Unix socket of this path open: `alive`; `dead` when the file was left behind, or is not there;
 * `unknown` when this user may not ask. Only a refused connection shows that nobody listens.
 */
export function probeSocketOwner(path: string): Promise<'alive' | 'dead' | 'unknown'> {
  return new Promise((resolve) => {
    const probe = net.connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve('alive');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve('dead');
      // A full backlog is somebody's backlog.
      else resolve(error.code === 'EAGAIN' ? 'alive' : 'unknown');
    });
  });
}
