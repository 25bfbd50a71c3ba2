// The stream header (RFC 6120 section 4.7) apart from how a transport writes it.

/** The attributes of a stream header. Absent means not said. */
export interface StreamHeader {
  readonly to?: string;
  readonly from?: string;
  readonly id?: string;
  readonly version?: string;
  readonly lang?: string;
  /** Further attributes for the header, name to unescaped value; from `stream_attrs`, names and sizes already checked. */
  readonly extra?: ReadonlyMap<string, string>;
}
