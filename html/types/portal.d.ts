/// <reference lib="esnext.disposable" preserve="true" />
export { PortalGun } from "./portal-gun.js";
/**
 * @typedef {object} Member
 * @property {string} id
 * @property {string} [display] the name to show
 * @property {object} [metadata]
 * @property {boolean} polite what this side is towards that member
 * @property {boolean} [away] its connection to the server is lost; it may come back
 */
/**
 * @typedef {object} Info
 * @property {string} room
 * @property {string} id one's own
 * @property {number} version counts the room's changes
 * @property {string} [description] of the room
 * @property {object} [metadata] of the room
 * @property {boolean} [locked] known after the room was edited; so are the next two
 * @property {boolean} [pin_required]
 * @property {number} [max_members]
 * @property {Member[]} members the others
 */
/** @typedef {import('./peer.js').ConnectionEvents} ConnectionEvents */
/** @typedef {import('./peer.js').Encoding} Encoding */
/** @typedef {import('./peer.js').Stats} Stats */
/** @typedef {import('./peer.js').Track} Track */
/** @typedef {'idle' | 'connecting' | 'open' | 'resuming' | 'closed'} State */
/**
 * What another member sent.
 *
 * @typedef {object} Message
 * @property {string} from the member's id
 * @property {string | null} type
 * @property {any} payload text, JSON or an ArrayBuffer, as it was sent
 */
/**
 * What `portal.on()` tells of.
 *
 * @typedef {object} PortalEvents
 * @property {Connection} connection a member to be connected with
 * @property {Connection} close it ended
 * @property {Info} info the roster, whenever it changes
 * @property {Message} message of `send()`
 * @property {Message} signal of `signal()`
 * @property {PortalError} error
 * @property {State} state
 * @property {Info} rejoined the membership had ended while the connection was lost, so this is a new one, under the same id
 */
/**
 * A room in which every member is connected with every other one directly.
 *
 * When the connection to the server is lost, the portal comes back by itself and misses nothing; the direct
 * connections stay as they are, and what is sent meanwhile is sent afterwards.
 *
 * @extends {Emitter<PortalEvents>}
 */
export class Portal extends Emitter<PortalEvents> {
    /**
     * The rooms that may be seen by anybody; with an `admin_key` all of them.
     *
     * @param {{url?: string, janus?: object, WebSocket?: typeof WebSocket, signal?: AbortSignal, admin_key?: string}} [options]
     * @returns {Promise<{room: string, description?: string, num_members: number, max_members: number,
     *   pin_required: boolean, locked: boolean}[]>}
     */
    static rooms(options?: {
        url?: string;
        janus?: object;
        WebSocket?: typeof WebSocket;
        signal?: AbortSignal;
        admin_key?: string;
    }): Promise<{
        room: string;
        description?: string;
        num_members: number;
        max_members: number;
        pin_required: boolean;
        locked: boolean;
    }[]>;
    /**
     * Whether there is such a room, be it listed or not.
     *
     * @param {string} room
     * @param {{url?: string, janus?: object, WebSocket?: typeof WebSocket, signal?: AbortSignal}} [options]
     * @returns {Promise<boolean>}
     */
    static exists(room: string, options?: {
        url?: string;
        janus?: object;
        WebSocket?: typeof WebSocket;
        signal?: AbortSignal;
    }): Promise<boolean>;
    /**
     * Manages rooms without being in one: `create`, `edit`, `destroy`, `kick`, `allowed`, `listmembers`, `stats`, with the
     * fields that the plugin's README describes.
     *
     * @param {{request: string}} body
     * @param {{url?: string, janus?: object, WebSocket?: typeof WebSocket, signal?: AbortSignal}} [options]
     * @returns {Promise<any>} the reply; rejects with the server's error, `unauthorized` for one
     */
    static manage(body: {
        request: string;
    }, options?: {
        url?: string;
        janus?: object;
        WebSocket?: typeof WebSocket;
        signal?: AbortSignal;
    }): Promise<any>;
    /**
     * @param {object} options
     * @param {string} options.room
     * @param {string} [options.url] of Janus's WebSocket transport; by default `/janus` where the page comes from
     * @param {string} [options.display] the name that the others see
     * @param {object} [options.metadata] anything else that they should know
     * @param {string} [options.pin] of the room
     * @param {string} [options.token] one of those that the room allows
     * @param {RTCIceServer[]} [options.iceServers] instead of those that the server gives
     * @param {number} [options.statsInterval] milliseconds between two `stats` of a connection; none without it
     * @param {RTCConfiguration} [options.rtc] anything else for each RTCPeerConnection
     * @param {{token?: string, apisecret?: string}} [options.janus] what Janus itself asks for in every request
     * @param {typeof WebSocket} [options.WebSocket]
     * @param {typeof RTCPeerConnection | null} [options.RTCPeerConnection] null: everything goes through the server
     * @param {EventTarget} [options.page] where `pagehide`, `pageshow` and `online` happen; by default the window, if any
     */
    constructor(options: {
        room: string;
        url?: string | undefined;
        display?: string | undefined;
        metadata?: object | undefined;
        pin?: string | undefined;
        token?: string | undefined;
        iceServers?: RTCIceServer[] | undefined;
        statsInterval?: number | undefined;
        rtc?: RTCConfiguration | undefined;
        janus?: {
            token?: string;
            apisecret?: string;
        } | undefined;
        WebSocket?: {
            new (url: string | URL, protocols?: string | string[]): WebSocket;
            prototype: WebSocket;
            readonly CONNECTING: 0;
            readonly OPEN: 1;
            readonly CLOSING: 2;
            readonly CLOSED: 3;
        } | undefined;
        RTCPeerConnection?: {
            new (configuration?: RTCConfiguration): RTCPeerConnection;
            prototype: RTCPeerConnection;
            generateCertificate(keygenAlgorithm: AlgorithmIdentifier): Promise<RTCCertificate>;
        } | null | undefined;
        page?: EventTarget | undefined;
    });
    /**
     * Messages as they come, from the first call of `next()` on: `for await (const { from, payload } of portal.messages('chat'))`.
     * Ends with the portal, and with the signal.
     *
     * @param {string} [type] only those of this type
     * @param {{signal?: AbortSignal, most?: number}} [options] `most` that wait to be taken; the oldest are dropped then
     * @returns {AsyncGenerator<Message, void, void>}
     */
    messages(type?: string, { signal, most }?: {
        signal?: AbortSignal;
        most?: number;
    }): AsyncGenerator<Message, void, void>;
    get state(): State;
    /** One's own id in the room, known after `join()`. */
    get id(): string | null;
    get room(): string;
    /** @returns {Member[]} the others */
    get members(): Member[];
    /** @returns {Connection[]} */
    get connections(): Connection[];
    /**
     * @param {object} [options]
     * @param {AbortSignal} [options.signal]
     * @returns {Promise<Info>}
     */
    join({ signal }?: {
        signal?: AbortSignal | undefined;
    }): Promise<Info>;
    /**
     * Sends a message to other members: to each in order and once, over the direct connection or, while there is none,
     * through the server.
     *
     * @param {string} type of one's own
     * @param {any} [payload] a string, an ArrayBuffer, a view of one, a Blob, or anything that is JSON
     * @param {{to?: string | string[], signal?: AbortSignal}} [options] whom to, everyone else by default; `signal` ends the waiting;
     *   the message goes all the same
     * @returns {Promise<{failed: {id: string, code: string, error: string}[]}>} when there is room for more with each; those
     *   who were not reached, as they are not there; if `to` names nobody who is, it rejects
     */
    send(type: string, payload?: any, { to, signal }?: {
        to?: string | string[];
        signal?: AbortSignal;
    }): Promise<{
        failed: {
            id: string;
            code: string;
            error: string;
        }[];
    }>;
    /**
     * Sends a signal of one's own to other members, through the server, in order: for programs that do not use this library,
     * too, and for what has to do with connections. Smaller than a message may be (`limits.max_signal` of the server).
     *
     * @param {string} type any but `description`, `candidate` and those that begin with `portal.`
     * @param {any} [payload]
     * @param {{to?: string | string[]}} [options] whom to; to everyone else by default
     * @returns {Promise<{failed: {id: string, code: string, error: string}[]}>} those of several who were not
     *   reached; if nobody was, it rejects
     */
    signal(type: string, payload?: any, { to }?: {
        to?: string | string[];
    }): Promise<{
        failed: {
            id: string;
            code: string;
            error: string;
        }[];
    }>;
    /**
     * Manages the room that one is in, as `Portal.manage()` does.
     *
     * @param {{request: string, secret?: string}} body `room` may be left out
     * @returns {Promise<any>} the reply
     */
    manage(body: {
        request: string;
        secret?: string;
    }): Promise<any>;
    /**
     * Changes what the others know about this member; null takes it away.
     *
     * @param {{display?: string | null, metadata?: object | null}} changes
     */
    configure(changes: {
        display?: string | null;
        metadata?: object | null;
    }): Promise<void>;
    /**
     * Sends a track to all members, to those who come later as well.
     *
     * @param {MediaStreamTrack} track
     * @param {...MediaStream} streams
     */
    addTrack(track: MediaStreamTrack, ...streams: MediaStream[]): void;
    /** @param {MediaStreamTrack} track */
    removeTrack(track: MediaStreamTrack): void;
    /**
     * Sends another track in the place of one, to those who are there and to those who come: another camera, a screen.
     *
     * @param {MediaStreamTrack} track
     * @param {MediaStreamTrack} by
     */
    replaceTrack(track: MediaStreamTrack, by: MediaStreamTrack): Promise<void>;
    /**
     * Hints for how a track is to be sent: to those who are there and to those who come.
     *
     * @param {MediaStreamTrack} track
     * @param {Encoding} encoding
     */
    setEncoding(track: MediaStreamTrack, encoding: Encoding): Promise<void>;
    /** @param {MediaStream} stream */
    addStream(stream: MediaStream): void;
    /** @param {MediaStream} stream */
    removeStream(stream: MediaStream): void;
    /** Leaves the room and ends all connections. It can be joined again. */
    close(): Promise<void>;
    /** `await using portal = new Portal(…)` leaves at the end of the block. */
    [Symbol.asyncDispose](): Promise<void>;
    #private;
}
export type Member = {
    id: string;
    /**
     * the name to show
     */
    display?: string | undefined;
    metadata?: object | undefined;
    /**
     * what this side is towards that member
     */
    polite: boolean;
    /**
     * its connection to the server is lost; it may come back
     */
    away?: boolean | undefined;
};
export type Info = {
    room: string;
    /**
     * one's own
     */
    id: string;
    /**
     * counts the room's changes
     */
    version: number;
    /**
     * of the room
     */
    description?: string | undefined;
    /**
     * of the room
     */
    metadata?: object | undefined;
    /**
     * known after the room was edited; so are the next two
     */
    locked?: boolean | undefined;
    pin_required?: boolean | undefined;
    max_members?: number | undefined;
    /**
     * the others
     */
    members: Member[];
};
export type ConnectionEvents = import("./peer.js").ConnectionEvents;
export type Encoding = import("./peer.js").Encoding;
export type Stats = import("./peer.js").Stats;
export type Track = import("./peer.js").Track;
export type State = "idle" | "connecting" | "open" | "resuming" | "closed";
/**
 * What another member sent.
 */
export type Message = {
    /**
     * the member's id
     */
    from: string;
    type: string | null;
    /**
     * text, JSON or an ArrayBuffer, as it was sent
     */
    payload: any;
};
/**
 * What `portal.on()` tells of.
 */
export type PortalEvents = {
    /**
     * a member to be connected with
     */
    connection: Connection;
    /**
     * it ended
     */
    close: Connection;
    /**
     * the roster, whenever it changes
     */
    info: Info;
    /**
     * of `send()`
     */
    message: Message;
    /**
     * of `signal()`
     */
    signal: Message;
    error: PortalError;
    state: State;
    /**
     * the membership had ended while the connection was lost, so this is a new one, under the same id
     */
    rejoined: Info;
};
import { Connection } from './peer.js';
import { PortalError } from './events.js';
import { Emitter } from './events.js';
export { Connection, PortalError };
