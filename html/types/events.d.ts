/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {unknown} detail
 */
export function emit(target: EventTarget, type: string, detail: unknown): void;
/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} [signal] ends the waiting
 * @param {(stop: (why: Error) => void) => void} [tell] what else may end it
 * @returns {Promise<T>}
 */
export function stoppable<T>(promise: Promise<T>, signal?: AbortSignal, tell?: (stop: (why: Error) => void) => void): Promise<T>;
/**
 * An error with a stable `code` to compare, as the server sends it (`room_not_found`, `wrong_pin`, …)
 * or one of the library's own (`connection_lost`, `negotiation_failed`, …).
 */
export class PortalError extends Error {
    /**
     * @param {string} code stable, for programs
     * @param {string} message for people; may change
     * @param {object} [more]
     * @param {number} [more.errorCode] the server's number
     * @param {number} [more.retryAfter] milliseconds after which the same may succeed
     * @param {string} [more.id] the member that it is about
     * @param {unknown} [more.cause] what was thrown where it began
     */
    constructor(code: string, message: string, { errorCode, retryAfter, id, cause }?: {
        errorCode?: number | undefined;
        retryAfter?: number | undefined;
        id?: string | undefined;
        cause?: unknown;
    });
    code: string;
    errorCode: number | undefined;
    retryAfter: number | undefined;
    id: string | undefined;
    cause: unknown;
}
/**
 * An EventTarget that can also be listened to with `on()`, which hands over the thing itself.
 *
 * @template {Record<string, any>} Events what each event hands over, by its name
 */
export class Emitter<Events extends Record<string, any>> extends EventTarget {
    constructor();
    /**
     * @template {keyof Events & string} Type
     * @param {Type} type
     * @param {(thing: Events[Type]) => void} listener
     * @param {AddEventListenerOptions} [options] `once`, `signal`
     * @returns {() => void} stops listening
     */
    on<Type extends keyof Events & string>(type: Type, listener: (thing: Events[Type]) => void, options?: AddEventListenerOptions): () => void;
    /**
     * As `on()`, for a listener that is to hear of what was there before, too: soon, but not at once, so that the one who
     * listens has what `on()` returns.
     *
     * @protected
     * @template {keyof Events & string} Type
     * @param {Type} type
     * @param {(thing: Events[Type]) => void} listener
     * @param {AddEventListenerOptions | undefined} options
     * @param {() => any[]} things
     * @returns {() => void} stops listening
     */
    protected replay<Type extends keyof Events & string>(type: Type, listener: (thing: Events[Type]) => void, options: AddEventListenerOptions | undefined, things: () => any[]): () => void;
}
