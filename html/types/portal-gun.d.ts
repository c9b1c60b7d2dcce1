/** @param {number} milliseconds */
export function pause(milliseconds: number): Promise<any>;
/**
 * @param {number} milliseconds
 * @param {() => void} work
 * @returns {() => void} calls `work` when it was not called for so long
 */
export function debounce(milliseconds: number, work: () => void): () => void;
/**
 * Hands the arguments themselves to its listeners, unlike an EventTarget.
 *
 * @template {{[Name in keyof Events]: any[]}} [Events=any]
 */
export class EventEmitter<Events extends { [Name in keyof Events]: any[]; } = any> {
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {EventListener<Events[Name]>} listener
     */
    addEventListener<Name extends keyof Events>(name: Name, listener: EventListener<Events[Name]>): void;
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {EventListener<Events[Name]>} listener
     */
    removeEventListener<Name extends keyof Events>(name: Name, listener: EventListener<Events[Name]>): void;
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {Events[Name]} args
     */
    emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void;
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
/**
 * The connection with one other member.
 *
 * @extends {EventEmitter<PortalEventMap>}
 */
export class Portal extends EventEmitter<PortalEventMap> {
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
 * A room, entered as soon as this is made.
 *
 * @extends {EventEmitter<PortalGunEventMap>}
 */
export class PortalGun extends EventEmitter<PortalGunEventMap> {
    /** @param {PortalGunOptions} options */
    constructor(options: PortalGunOptions);
    /** @type {Map<string, Portal>} */
    connections: Map<string, Portal>;
    options: PortalGunOptions;
    /** Leaves the room, and lets go of everything. */
    close(): Promise<void>;
    #private;
}
/** There is none to make here: the signalling is Janus's. */
export class SignalingChannel {
}
export type PortalError = import("./events.js").PortalError;
export type Connection = import("./peer.js").Connection;
export type RoomMember = {
    id: string;
    /**
     * what this side is towards it
     */
    polite: boolean;
};
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
    members: RoomMember[];
};
export type ErrorSignal = {
    code: string;
};
export type DescriptionSignal = RTCSessionDescription;
export type CandidateSignal = RTCIceCandidate | undefined;
export type EventListener<Args extends any[] = any> = (...args: Args) => void;
/**
 * what a Portal tells, with the arguments of its listeners
 */
export type PortalEventMap = {
    track: [RTCTrackEvent];
    error: [Error];
    debug: [string, ...any[]];
};
/**
 * what a PortalGun tells, with the arguments of its listeners
 */
export type PortalGunEventMap = {
    connection: [Portal];
    disconnection: [Portal];
    info: [InfoSignal];
    error: [Error];
    debug: [string, ...any[]];
};
export type PortalGunOptions = {
    room: string;
    /**
     * of Janus's WebSocket transport
     */
    url: string | URL;
    rtc?: RTCConfiguration | undefined;
};
