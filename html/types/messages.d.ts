/** @param {Uint8Array} bytes */
export function toBase64(bytes: Uint8Array): string;
/** @param {string} text */
export function fromBase64(text: string): Uint8Array<ArrayBuffer>;
/**
 * A way to the other member. What is given to one that ends may be lost; what arrives over it arrives in order.
 *
 * @typedef {object} Route
 * @property {() => boolean} open
 * @property {(frame: Uint8Array) => Promise<{retry_after?: number} | undefined> | void} send resolves with why it was refused, if it was
 */
/**
 * Messages to and from one other member: in order and once each, whatever becomes of the direct connection and of
 * the one to the server meanwhile.
 *
 * A message is cut into numbered frames. A frame is kept until the other side has acknowledged it; it goes over the
 * direct connection if that is open, else through the server, and all that are kept go again when the route changes.
 * So a frame may arrive twice, and over two routes out of order; the numbers put that right.
 *
 * Each side names its frames' stream by a number of its own choice, and says with every frame from which number on it
 * has not been acknowledged: so whoever begins anew, the other goes on from there.
 */
export class Messages {
    /**
     * @param {object} options
     * @param {Route} options.direct
     * @param {Route} options.server
     * @param {() => number} [options.largest] bytes that the server takes as one signal
     * @param {(type: string | null, value: any) => void} options.deliver
     * @param {() => void} [options.rerouted] is called when `route` may be another one
     */
    constructor({ direct, server, largest, deliver, rerouted }: {
        direct: Route;
        server: Route;
        largest?: (() => number) | undefined;
        deliver: (type: string | null, value: any) => void;
        rerouted?: (() => void) | undefined;
    });
    /** `direct`, `server`, or null while there is none. */
    get route(): "direct" | "server" | null;
    /**
     * @param {any} value a string, an ArrayBuffer, a view of one, a Blob, or anything that is JSON
     * @param {string | null} [type]
     * @returns {Promise<void>} resolves when there is room for more
     */
    send(value: any, type?: string | null): Promise<void>;
    /** What arrived. @param {Uint8Array} frame @param {'direct' | 'server'} from */
    receive(frame: Uint8Array, from: "direct" | "server"): false | void;
    /** A route has opened or ended. */
    rerouted(): void;
    /** What was given to the server may be lost: a membership began anew. */
    again(): void;
    close(): void;
    #private;
}
/**
 * A way to the other member. What is given to one that ends may be lost; what arrives over it arrives in order.
 */
export type Route = {
    open: () => boolean;
    /**
     * resolves with why it was refused, if it was
     */
    send: (frame: Uint8Array) => Promise<{
        retry_after?: number;
    } | undefined> | void;
};
