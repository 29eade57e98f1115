export const TELEMETRY_ERROR_CODES = ['log_level'] as const;
export type TelemetryErrorCode = (typeof TELEMETRY_ERROR_CODES)[number];
