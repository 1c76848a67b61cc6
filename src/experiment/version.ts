/** gperf's version; a test compares it with package.json's. */
export const GPERF_VERSION = '0.1.0';
