package identity

import (
	"testing"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestRecordNamesStayTheSame(t *testing.T) {
	// Changing a derived name makes new records for everybody.
	salt := kube.Salt("0123456789abcdef0123456789abcdef")
	tests := map[string]struct {
		id   ID
		n    int
		want string
	}{
		"a Person":            {ID{v1alpha1.RecordPerson, "jane@example.com"}, 1, "person-sqn7k3fkqpx4s3vi2xzstiyusf"},
		"the next one":        {ID{v1alpha1.RecordPerson, "jane@example.com"}, 2, "person-sqn7k3fkqpx4s3vi2xzstiyusf-2"},
		"an Organization":     {ID{v1alpha1.RecordOrganization, "sales"}, 1, "organization-xa46jg55g64wkbtgya6upyvvpf"},
		"of a Person's value": {ID{v1alpha1.RecordOrganization, "jane@example.com"}, 1, "organization-of2v7j3cshrst6jblkptszo3lg"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.id.objectName(salt, tt.n); got != tt.want {
				t.Errorf("objectName = %q, want %q", got, tt.want)
			}
		})
	}
}
