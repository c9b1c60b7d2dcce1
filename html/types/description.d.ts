/**
 * What is said of a negotiation, deflated (RFC 1950, in base64): browsers say much that repeats itself, and a third of it is left.
 *
 * @param {object} said
 * @param {boolean} [plain] whether whoever it is for reads it only as it is
 * @returns {Promise<object>} as it is, also where it is short or there is nothing to deflate it with
 */
export function deflate(said: object, plain?: boolean): Promise<object>;
/**
 * @param {string} deflated by anybody, so by no means always what deflate() makes
 * @returns {Promise<any>}
 */
export function inflate(deflated: string): Promise<any>;
/**
 * An answer by its changes to the offer, most of whose lines it repeats: for such a line how many lines further it stands there than
 * the one before, for any other the line itself.
 *
 * @param {{type: RTCSdpType, sdp: string}} description
 * @param {string} [offer]
 * @returns {{type: RTCSdpType, sdp?: string, changes?: string}}
 */
export function shorten({ type, sdp }: {
    type: RTCSdpType;
    sdp: string;
}, offer?: string): {
    type: RTCSdpType;
    sdp?: string;
    changes?: string;
};
/**
 * @param {string} changes
 * @param {string} offer
 */
export function applyChanges(changes: string, offer: string): string;
