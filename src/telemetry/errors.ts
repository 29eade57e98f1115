export const TELEMETRY_ERROR_CODES = ['log_level', 'metrics_listen_failed'] as const;
export type TelemetryErrorCode = (typeof TELEMETRY_ERROR_CODES)[number];
