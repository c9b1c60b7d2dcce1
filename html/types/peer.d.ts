/**
 * What is known of one track is known of another from now on.
 *
 * @param {Map<MediaStreamTrack, any>} map
 * @param {MediaStreamTrack} track
 * @param {MediaStreamTrack} by
 */
export function rename(map: Map<MediaStreamTrack, any>, track: MediaStreamTrack, by: MediaStreamTrack): void;
/**
 * The direct connection to one other member.
 *
 * Both sides may offer at any time ("perfect negotiation"): when two offers meet, the polite side takes its own
 * back and the impolite side ignores the other's. Everything that concerns this member's negotiation is done one
 * after the other, each step awaited, so an offer that comes in the middle of applying an answer finds that answer
 * applied (the pending-answer case), and between two steps the signalling state is `stable` or `have-local-offer`.
 *
 * An RTCPeerConnection that can't be repaired is replaced by one of the next generation. Only the polite side
 * begins one; what carries a lower generation belongs to a former one and is dropped.
 *
 * @hideconstructor
 * @extends {Emitter<ConnectionEvents>}
 */
export class Connection extends Emitter<ConnectionEvents> {
    /**
     * @param {object} options
     * @param {Iterable<[MediaStreamTrack, Encoding]>} [options.encodings]
     * @param {number} [options.statsInterval] milliseconds between two `stats`; none without it
     * @param {string} options.id the other member
     * @param {boolean} options.polite what this side is
     * @param {(type: string, payload: any) => Promise<any> | void} options.signal sends to the other member; a function in the
     *   place of the payload makes the whole signal when it is sent, or nothing
     * @param {() => number} [options.largest] bytes that the server takes as one signal
     * @param {() => boolean} [options.reachable] whether signals reach the other member, be it now or when it is back
     * @param {typeof globalThis.RTCPeerConnection | null} options.RTCPeerConnection null: there is to be no direct connection
     * @param {RTCConfiguration} [options.configuration]
     * @param {Iterable<[MediaStreamTrack, MediaStream[]]>} [options.tracks]
     * @param {() => boolean} [options.mayRestart] whether signals would reach the other member now
     * @param {number} [options.generation] the last one that was used with this member, if there was an earlier connection
     * @param {number} [options.patience] milliseconds that the impolite side waits for the first offer
     * @param {boolean} [options.inflates] whether this side reads deflated descriptions
     */
    constructor({ id, polite, signal, RTCPeerConnection, configuration, tracks, mayRestart, reachable, largest, generation, patience, encodings, statsInterval, inflates }: {
        encodings?: Iterable<[MediaStreamTrack, Encoding]> | undefined;
        statsInterval?: number | undefined;
        id: string;
        polite: boolean;
        signal: (type: string, payload: any) => Promise<any> | void;
        largest?: (() => number) | undefined;
        reachable?: (() => boolean) | undefined;
        RTCPeerConnection: typeof globalThis.RTCPeerConnection | null;
        configuration?: RTCConfiguration | undefined;
        tracks?: Iterable<[MediaStreamTrack, MediaStream[]]> | undefined;
        mayRestart?: (() => boolean) | undefined;
        generation?: number | undefined;
        patience?: number | undefined;
        inflates?: boolean | undefined;
    });
    /** The other member's id. */
    id: string;
    /** What this side is: a polite one takes its own offer back when two meet, and begins generations. */
    polite: boolean;
    /** Whether the member is gone, or one has left. */
    closed: boolean;
    /**
     * A data channel of one's own, on the RTCPeerConnection of now: it ends with that one.
     *
     * @param {string} label
     * @param {RTCDataChannelInit} [options]
     * @returns {RTCDataChannel}
     */
    channel(label: string, options?: RTCDataChannelInit): RTCDataChannel;
    /**
     * Sends a message: in order and once, over the direct connection or, while there is none, through the server.
     *
     * @param {any} payload a string, an ArrayBuffer, a view of one, a Blob, or anything that is JSON
     * @param {string | null} [type] of one's own
     * @param {{signal?: AbortSignal}} [options] ends the waiting; the message goes all the same
     * @returns {Promise<void>} resolves when there is room for more
     */
    send(payload: any, type?: string | null, { signal }?: {
        signal?: AbortSignal;
    }): Promise<void>;
    /** How messages go now: `direct`, `server`, or null while they wait. */
    get route(): "direct" | "server" | null;
    /** Whether one of the routes is open has changed. @internal */
    rerouted(): void;
    /** What was on its way through the server may be lost. @internal */
    sendAgain(): void;
    /** What carries a lower one belongs to a former RTCPeerConnection. */
    get generation(): number;
    /** The RTCPeerConnection of now; it is another one after a renewal. */
    get pc(): RTCPeerConnection;
    /** Whether the two sides still reach each other, as far as this one knows. */
    get alive(): boolean;
    /**
     * @param {MediaStreamTrack} track
     * @param {...MediaStream} streams
     */
    addTrack(track: MediaStreamTrack, ...streams: MediaStream[]): void;
    /** @param {MediaStream} stream */
    addStream(stream: MediaStream): void;
    /** @param {MediaStreamTrack} track */
    removeTrack(track: MediaStreamTrack): void;
    /**
     * Sends another track in the place of one, without negotiation.
     *
     * @param {MediaStreamTrack} track
     * @param {MediaStreamTrack} by
     * @returns {Promise<void>}
     */
    replaceTrack(track: MediaStreamTrack, by: MediaStreamTrack): Promise<void>;
    /**
     * @param {MediaStreamTrack} track
     * @param {Encoding} encoding
     */
    setEncoding(track: MediaStreamTrack, encoding: Encoding): Promise<void>;
    /**
     * @returns {Promise<Stats>} what there is to know of the RTCPeerConnection of now
     */
    stats(): Promise<Stats>;
    /** @internal @param {RTCIceServer[]} iceServers to be used from the next gathering of candidates on */
    setIceServers(iceServers: RTCIceServer[]): void;
    /**
     * Ends the direct connection. The other side is not told, so what it sends to this one waits, for good: to part from somebody, leave the
     * room.
     */
    close(): void;
    /**
     * What the other member's library signalled.
     *
     * @internal
     * @param {string} type
     * @param {any} payload
     */
    take(type: string, payload: any): void;
    /** Signals pass again: what failed while they did not is taken up. @internal */
    repair(): void;
    /** Something of the negotiation was lost: begins it anew, with the next generation. */
    renew(): void;
    /** The library's own channel: so that there is always something to negotiate. @internal */
    ownChannel: RTCDataChannel | undefined;
    #private;
}
/**
 * Hints for sending a track, as in RTCRtpEncodingParameters.
 */
export type Encoding = {
    /**
     * bits a second
     */
    maxBitrate?: number | undefined;
    maxFramerate?: number | undefined;
    scaleResolutionDownBy?: number | undefined;
    active?: boolean | undefined;
    degradationPreference?: RTCDegradationPreference | undefined;
};
export type Stats = {
    /**
     * seconds
     */
    roundTripTime?: number | undefined;
    /**
     * whether it goes through a TURN server
     */
    relayed?: boolean | undefined;
    /**
     * type of the candidate of this side: `host`, `srflx`, `prflx`, `relay`
     */
    local?: string | undefined;
    /**
     * the same of the other side
     */
    remote?: string | undefined;
    /**
     * bits a second, since the stats before
     */
    bitrateOut?: number | undefined;
    bitrateIn?: number | undefined;
    /**
     * of packets of media that came in, from 0 to 1
     */
    loss: number;
};
/**
 * A track that the other member sends.
 */
export type Track = {
    track: MediaStreamTrack;
    /**
     * that it belongs to
     */
    streams: readonly MediaStream[];
    receiver: RTCRtpReceiver;
    transceiver: RTCRtpTransceiver;
};
/**
 * What `connection.on()` tells of.
 */
export type ConnectionEvents = {
    track: Track;
    state: RTCPeerConnectionState;
    /**
     * what the other member sent
     */
    message: {
        type: string | null;
        payload: any;
    };
    /**
     * how messages go now; null: they wait
     */
    route: "direct" | "server" | null;
    /**
     * one that the other member opened
     */
    channel: RTCDataChannel;
    /**
     * if `statsInterval` is set
     */
    stats: Stats;
    /**
     * `pc` is another one
     */
    renewed: Connection;
    close: Connection;
    error: PortalError;
};
import { Emitter } from './events.js';
import { PortalError } from './events.js';
