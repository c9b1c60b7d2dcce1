/**
 * A description as it is signalled: browsers say much that repeats itself, and a third of it is left once it is deflated (RFC 1950, in base64).
 *
 * @typedef {{type: RTCSdpType, sdp?: string, deflated?: string}} Said
 */
/**
 * @param {{type: RTCSdpType, sdp: string}} description
 * @param {boolean} [plain] whether whoever it is for reads it only as it is
 * @returns {Promise<Said>} as it is, also where it is short or there is nothing to deflate it with
 */
export function deflate({ type, sdp }: {
    type: RTCSdpType;
    sdp: string;
}, plain?: boolean): Promise<Said>;
/**
 * @param {Said} said by anybody, so by no means always what deflate() makes
 * @returns {Promise<RTCSessionDescriptionInit>}
 */
export function inflate({ type, sdp, deflated }: Said): Promise<RTCSessionDescriptionInit>;
/**
 * A description as it is signalled: browsers say much that repeats itself, and a third of it is left once it is deflated (RFC 1950, in base64).
 */
export type Said = {
    type: RTCSdpType;
    sdp?: string;
    deflated?: string;
};
