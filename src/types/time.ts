import { check } from './errors.ts';
import { type Reader, readMessage } from './wire.ts';
import type { Writer } from './wire-writer.ts';

/** Nanoseconds since 1970-01-01T00:00:00Z; may be negative. */
export type Time = bigint;

/** google.protobuf.Timestamp, in cosmjs-types' shape. */
export interface Timestamp {
  readonly seconds: bigint;
  readonly nanos: number;
}

const NANOS_PER_SECOND = 1_000_000_000n;
const SECONDS_PER_DAY = 86_400;
/** 0001-01-01T00:00:00Z, the first second that a protobuf timestamp may name. */
const MIN_SECONDS = -62_135_596_800n;
/** 9999-12-31T23:59:59Z, the last one. */
const MAX_SECONDS = 253_402_300_799n;

/** Go's zero time, 0001-01-01T00:00:00Z: what an absent commit signature carries. */
export const ZERO_TIME: Time = MIN_SECONDS * NANOS_PER_SECOND;

/** Seconds (rounded down) and the rest in nanoseconds, as protobuf has it. */
export function toTimestamp(time: Time): Timestamp {
  const seconds = floorSeconds(time);
  return { seconds, nanos: Number(time - seconds * NANOS_PER_SECOND) };
}

/** Throws `bad_time` outside of years 1 to 9999, or when nanos are not within a second. */
export function fromTimestamp(timestamp: Timestamp): Time {
  const { seconds, nanos } = timestamp;
  check(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS, 'bad_time', () => `time out of range: ${seconds} seconds`);
  const valid = Number.isInteger(nanos) && nanos >= 0 && nanos < Number(NANOS_PER_SECOND);
  check(valid, 'bad_time', () => `nanoseconds out of range: ${nanos}`);
  return seconds * NANOS_PER_SECOND + BigInt(nanos);
}

/** The fields of a Timestamp message. */
export function writeTimestamp(writer: Writer, time: Time): void {
  const { seconds, nanos } = toTimestamp(time);
  writer.integer(1, seconds);
  writer.number(2, nanos);
}

/** Reads the fields of a Timestamp message, both of which may be left out. Throws `bad_encoding` or `bad_time`. */
export function readTimestamp(reader: Reader): Time {
  let seconds = 0n;
  let nanos = 0;
  readMessage(reader, (field) => {
    if (field === 1) seconds = reader.int64();
    else if (field === 2) nanos = reader.int32();
    else return false;
    return true;
  });
  return fromTimestamp({ seconds, nanos });
}

/** RFC 3339 in UTC with as many decimals as needed: `2026-11-20T12:29:49.247609954Z`. Years 1 to 9999. */
export function formatTime(time: Time): string {
  const seconds = floorSeconds(time);
  check(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS, 'bad_time', () => `time out of range: ${time} ns`);
  const nanos = Number(time - seconds * NANOS_PER_SECOND);
  const days = Math.floor(Number(seconds) / SECONDS_PER_DAY);
  const secondOfDay = Number(seconds) - days * SECONDS_PER_DAY;
  const { year, month, day } = civilFromDays(days);
  const date = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
  const hour = Math.floor(secondOfDay / 3600);
  const clock = `${pad(hour, 2)}:${pad(Math.floor(secondOfDay / 60) % 60, 2)}:${pad(secondOfDay % 60, 2)}`;
  const fraction = nanos === 0 ? '' : `.${pad(nanos, 9).replace(/0+$/, '')}`;
  return `${date}T${clock}${fraction}Z`;
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Reads RFC 3339 with up to nine decimals, `Z` or an offset. Throws `bad_time`. */
export function parseTime(text: string): Time {
  const match = RFC_3339.exec(text);
  check(match !== null, 'bad_time', () => `not an RFC 3339 time: ${JSON.stringify(text.slice(0, 64))}`);
  const field = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day, hour, minute, second] = [field(1), field(2), field(3), field(4), field(5), field(6)];
  const inRange =
    month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month) && hour < 24 && minute < 60 && second < 60;
  check(inRange && field(9) < 24 && field(10) < 60, 'bad_time', () => `no such date or time: ${text}`);
  const offset = (match[8] === '-' ? -1 : 1) * (field(9) * 3600 + field(10) * 60);
  const local = daysFromCivil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
  return fromTimestamp({ seconds: BigInt(local - offset), nanos: Number((match[7] ?? '').padEnd(9, '0')) });
}

function floorSeconds(time: Time): bigint {
  const quotient = time / NANOS_PER_SECOND;
  return time < 0n && quotient * NANOS_PER_SECOND !== time ? quotient - 1n : quotient;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/*
 * The calendar, without `Date`. Years are counted from March, so that the leap day comes last, in eras of 400 years
 * (146,097 days); 719,468 days lie between 0000-03-01 and 1970-01-01.
 */
const DAYS_PER_ERA = 146_097;
const DAYS_TO_EPOCH = 719_468;

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + DAYS_TO_EPOCH;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1 };
}

function daysFromCivil(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_ERA + dayOfEra - DAYS_TO_EPOCH;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
