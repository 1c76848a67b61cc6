/** gperf's version; a test holds it to package.json's. */
export const GPERF_VERSION = '0.1.0';
