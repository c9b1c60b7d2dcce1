/** @typedef {{body: object, weight: number, resolve: Function, reject: Function}} Request */
/**
 * One member's two streams, the browser's half of the plugin's stream.c: its numbered requests (Janus runs
 * the messages of one client in any order, the numbers let the server put them right), and the numbered
 * events that the server keeps until they are acknowledged.
 *
 * They outlive the peer: while there is none, requests wait, and when the member comes back what has no answer
 * is sent again under the same numbers. The server does what it had not done, and repeats its answer otherwise.
 */
export class Stream {
    /** The last event that was taken. */
    got: number;
    /** The last number that is known to be done. */
    done: number;
    /**
     * The membership has begun.
     *
     * @param {(body: object) => Promise<any>} send hands a request to the member's peer
     * @param {{seq?: number, n: number, limits: object}} begin the last number that is done, the last event that is not
     *   to be expected, and the limits, as in the answer to `join`
     */
    start(send: (body: object) => Promise<any>, { seq, n, limits }: {
        seq?: number;
        n: number;
        limits: object;
    }): void;
    /** The peer is gone: what it may still say does not count. */
    pause(): void;
    /**
     * The member is back on another peer, and has said what it got.
     *
     * @param {any} send
     */
    resume(send: any): void;
    /**
     * Signals that are given in one turn go in one request.
     *
     * @param {{to?: string | string[], type: string, payload: any}} signal
     * @returns {Promise<{failed: {to?: string[], code: string, error: string, error_code: number, retry_after?: number}[]}>}
     */
    relay(signal: {
        to?: string | string[];
        type: string;
        payload: any;
    }): Promise<{
        failed: {
            to?: string[];
            code: string;
            error: string;
            error_code: number;
            retry_after?: number;
        }[];
    }>;
    /**
     * One that can wait does so while a request is unanswered, until the answer or a moment later: a browser makes descriptions and finds
     * candidates one by one, a turn for each.
     *
     * @param {() => Promise<any>} make makes it when it is sent, or nothing if there is no need any more
     * @returns {Promise<any>} as of `relay()`, or nothing
     */
    relayLate(make: () => Promise<any>): Promise<any>;
    /**
     * @param {object} body a request that is to be numbered
     * @returns {Promise<any>}
     */
    request(body: object): Promise<any>;
    /** The last request of all does not wait for room in the window: the page may be gone by then. */
    leave(): Promise<any>;
    /**
     * No more requests; those that have no answer are refused with `error`, done or not.
     *
     * @param {PortalError} error
     */
    end(error: PortalError): void;
    /**
     * @param {{n: number, events: any[]}} push
     * @returns {{number: number, event: any}[]} those that were not there before
     */
    accept({ n, events }: {
        n: number;
        events: any[];
    }): {
        number: number;
        event: any;
    }[];
    /** Driven by events and not by a timer, as the timers of a hidden tab hardly run. */
    acknowledge(): void;
    #private;
}
export type Request = {
    body: object;
    weight: number;
    resolve: Function;
    reject: Function;
};
import { PortalError } from './events.js';
