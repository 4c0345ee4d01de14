package v1alpha1

// RecordReference names a record in the same namespace.
type RecordReference struct {
	// name is the metadata.name of the record.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// JSON is any JSON value, kept as it came.
// +kubebuilder:validation:Type=""
// +kubebuilder:pruning:PreserveUnknownFields
type JSON struct {
	// Raw is the value's encoding; empty stands for null.
	Raw []byte `json:"-"`
}

// MarshalJSON returns the value as it came.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j.Raw) == 0 {
		return []byte("null"), nil
	}
	return j.Raw, nil
}

// UnmarshalJSON keeps a copy of the value's encoding.
func (j *JSON) UnmarshalJSON(data []byte) error {
	j.Raw = append([]byte(nil), data...)
	return nil
}

// ScimAddress is a postal address as SCIM has it (RFC 7643 section 4.1.2).
type ScimAddress struct {
	// formatted is the full mailing address, with line breaks.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Formatted string `json:"formatted,omitempty"`
	// streetAddress is street, house number and post box.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	StreetAddress string `json:"streetAddress,omitempty"`
	// locality is the city or town.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Locality string `json:"locality,omitempty"`
	// region is the state or region.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Region string `json:"region,omitempty"`
	// postalCode is the zip code or postal code.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	PostalCode string `json:"postalCode,omitempty"`
	// country is the country, in ISO 3166-1 alpha-2 where the client keeps to the RFC.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Country string `json:"country,omitempty"`
	// type is the address's label, such as work, home or other.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Type string `json:"type,omitempty"`
	// primary marks the preferred address; at most one has true.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// ScimValue is one value of a multi-valued SCIM attribute (RFC 7643 section 2.4).
type ScimValue struct {
	// value is the attribute's value, such as an e-mail address.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value,omitempty"`
	// display is a name of the value for people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Display string `json:"display,omitempty"`
	// type is the value's label, such as work or home.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Type string `json:"type,omitempty"`
	// primary marks the preferred value; at most one has true.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}

// ScimCertificate is an X.509 certificate of a user (RFC 7643 section 4.1.2).
type ScimCertificate struct {
	// value is the DER-encoded certificate in base64.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	Value string `json:"value,omitempty"`
	// display is a name of the certificate for people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Display string `json:"display,omitempty"`
	// type is the certificate's label.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Type string `json:"type,omitempty"`
	// primary marks the preferred certificate; at most one has true.
	// +optional
	Primary *bool `json:"primary,omitempty"`
}
