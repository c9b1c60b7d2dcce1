/**
 * @template T
 * @param {number} milliseconds
 * @param {Promise<T>} promise
 * @returns {Promise<T | undefined>} undefined when the time was up first
 */
export function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined>;
/** What may be otherwise at the next try. All else that refuses a member is final. */
export const PASSING: Set<string>;
/**
 * A session with Janus over one WebSocket. It lives as long as its socket: once lost, make a new one.
 */
export class Session {
    /**
     * @param {object} options
     * @param {string} options.url
     * @param {typeof globalThis.WebSocket} [options.WebSocket]
     * @param {object} [options.envelope] goes into every request to Janus: its `token` or `apisecret`
     * @param {number} [options.keepalive] milliseconds
     * @param {(error: PortalError) => void} [options.onlost] the session ended and not by `close()`
     */
    constructor({ url, WebSocket, envelope, keepalive, onlost }: {
        url: string;
        WebSocket?: {
            new (url: string | URL, protocols?: string | string[]): WebSocket;
            prototype: WebSocket;
            readonly CONNECTING: 0;
            readonly OPEN: 1;
            readonly CLOSING: 2;
            readonly CLOSED: 3;
        } | undefined;
        envelope?: object | undefined;
        keepalive?: number | undefined;
        onlost?: ((error: PortalError) => void) | undefined;
    });
    onlost: ((error: PortalError) => void) | undefined;
    /** Connects and creates the session. */
    open(): Promise<void>;
    /**
     * @param {string} plugin
     * @param {(data: any) => void} onpush what the plugin says by itself
     * @returns {Promise<Peer>}
     */
    attach(plugin: string, onpush: (data: any) => void): Promise<Peer>;
    /** Ends the session in Janus, then closes the socket. */
    close(): Promise<void>;
    /** Forgets the session at once, without a word to Janus: its connection is of no use any more. */
    abandon(): void;
    /** There is reason to doubt that the socket's other end is still there: that is known within seconds. */
    probe(): void;
    #private;
}
/**
 * A Janus handle: one attach to one plugin.
 */
export type Peer = {
    /**
     * resolves with the plugin's answer, rejects with its error
     */
    request: (body: object) => Promise<any>;
};
import { PortalError } from './events.js';
