/** @param {number} milliseconds */
export function pause(milliseconds: number): Promise<any>;
/**
 * @param {number} milliseconds
 * @param {() => void} work
 * @returns {() => void} calls `work` when it was not called for so long
 */
export function debounce(milliseconds: number, work: () => void): () => void;
/** Hands the arguments themselves to its listeners, unlike an EventTarget. */
export class EventEmitter {
    /**
     * @param {string} name
     * @param {(...args: any[]) => void} listener
     */
    addEventListener(name: string, listener: (...args: any[]) => void): void;
    /**
     * @param {string} name
     * @param {(...args: any[]) => void} listener
     */
    removeEventListener(name: string, listener: (...args: any[]) => void): void;
    /**
     * @param {string} name
     * @param {...any} args
     */
    emit(name: string, ...args: any[]): void;
    #private;
}
/** There is no such room on the server. */
export class RoomNotFoundError extends Error {
    /** @param {string} room */
    constructor(room: string);
    room: string;
}
/** A STUN or TURN server that could not be used; told as `debug`, since others usually can. */
export class IceCandidateError extends Error {
    /** @param {RTCPeerConnectionIceErrorEvent} event */
    constructor({ address, errorCode, errorText, port, url }: RTCPeerConnectionIceErrorEvent);
}
/** The connection with one other member. Events: `track` (RTCTrackEvent), `error` (Error), `debug` (string, …). */
export class Portal extends EventEmitter {
    /** @param {import('./peer.js').Connection} connection */
    constructor(connection: import("./peer.js").Connection);
    target: {
        id: string;
        polite: boolean;
    };
    /** The RTCPeerConnection; after a renewal there is another Portal with another one. */
    peer: RTCPeerConnection;
    /** @param {MediaStream} stream */
    addMediaStream(stream: MediaStream): void;
    close(): void;
    #private;
}
/**
 * A room, entered as soon as this is made. Events: `connection` (Portal), `disconnection` (Portal), `info`
 * (InfoSignal), `error` (Error), `debug` (string, …).
 */
export class PortalGun extends EventEmitter {
    /**
     * @param {object} options
     * @param {string} options.room
     * @param {string | URL} options.url of Janus's WebSocket transport
     * @param {RTCConfiguration} [options.rtc]
     */
    constructor(options: {
        room: string;
        url: string | URL;
        rtc?: RTCConfiguration | undefined;
    });
    /** @type {Map<string, Portal>} */
    connections: Map<string, Portal>;
    options: {
        room: string;
        url: string | URL;
        rtc?: RTCConfiguration | undefined;
    };
    /** Leaves the room, and lets go of everything. */
    close(): Promise<void>;
    #private;
}
/** There is none to make here: the signalling is Janus's. */
export class SignalingChannel {
}
export type PortalError = import("./events.js").PortalError;
export type Connection = import("./peer.js").Connection;
/**
 * who is in the room
 */
export type InfoSignal = {
    /**
     * one's own
     */
    id: string;
    /**
     * the others
     */
    members: {
        id: string;
        polite: boolean;
    }[];
};
