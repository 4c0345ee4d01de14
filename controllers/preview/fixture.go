package preview

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// FixtureNamespace is the namespace of what a fixture describes.
	FixtureNamespace = "fixture"
	// subjectID is the SCIM id of a subject that has none.
	subjectID = "subject"
	// linkedRecord is the name of the record that a fixture gives as record.
	linkedRecord = "record"
)

// Fixture describes a subject and what rules look up for it: the input of an example or
// a test case. Exactly one of User and Group is set. Keys of maps are names of
// resources; values are the spec of the resource.
type Fixture struct {
	// ID is the subject's SCIM id; unset: "subject".
	ID string `json:"id,omitempty"`
	// User is the subject: the spec of a ScimUser, or a user as the SCIM client sends it.
	User *v1alpha1.JSON `json:"user,omitempty"`
	// Group is the subject: the spec of a ScimGroup, or a group as the client sends it.
	Group *v1alpha1.JSON `json:"group,omitempty"`
	// Record is the spec of the record that is linked to the subject already.
	Record *v1alpha1.JSON `json:"record,omitempty"`
	// Groups are the groups of User, in the order of joining.
	Groups []FixtureGroup `json:"groups,omitempty"`
	// Users are other users, by SCIM id.
	Users map[string]v1alpha1.JSON `json:"users,omitempty"`
	// Persons, Organizations and Sites are records, by name.
	Persons       map[string]v1alpha1.PersonSpec       `json:"persons,omitempty"`
	Organizations map[string]v1alpha1.OrganizationSpec `json:"organizations,omitempty"`
	Sites         map[string]v1alpha1.SiteSpec         `json:"sites,omitempty"`
	// Endpoint is what rules see of the ScimEndpoint.
	Endpoint FixtureEndpoint `json:"endpoint,omitzero"`
}

// FixtureGroup is a group that the user is a member of.
type FixtureGroup struct {
	// ID is the group's SCIM id; unset: "group-1" for the first, and so on.
	ID          string `json:"id,omitempty"`
	DisplayName string `json:"displayName"`
	ExternalID  string `json:"externalId,omitempty"`
	GroupType   string `json:"groupType,omitempty"`
	// Organization and Site are the names of the records that the group is linked to.
	Organization string `json:"organization,omitempty"`
	Site         string `json:"site,omitempty"`
}

// FixtureEndpoint is what rules see of the ScimEndpoint.
type FixtureEndpoint struct {
	// DefaultOrganization is the name of an Organization.
	DefaultOrganization string `json:"defaultOrganization,omitempty"`
	// LinkExisting and EmailDomains are as in the spec of the ScimEndpoint.
	LinkExisting v1alpha1.LinkExisting `json:"linkExisting,omitempty"`
	EmailDomains []string              `json:"emailDomains,omitempty"`
}

// ParseFixture reads a fixture; a field that does not exist is an error.
func ParseFixture(data []byte) (*Fixture, error) {
	fixture := &Fixture{}
	if err := decodeStrict(data, fixture); err != nil {
		return nil, err
	}
	if (fixture.User == nil) == (fixture.Group == nil) {
		return nil, errors.New("give the subject: either user or group")
	}
	if fixture.ID == "" {
		fixture.ID = subjectID
	}
	return fixture, nil
}

// Kind is the kind of the subject.
func (f *Fixture) Kind() v1alpha1.SubjectKind {
	if f.Group != nil {
		return v1alpha1.SubjectScimGroup
	}
	return v1alpha1.SubjectScimUser
}

// Objects are the resources that the fixture describes; record is the kind of its Record.
func (f *Fixture) Objects(record v1alpha1.RecordKind) ([]client.Object, error) {
	subject, err := f.subject()
	if err != nil {
		return nil, err
	}
	objects := []client.Object{subject}
	if f.Record != nil {
		linked, err := f.linked(record)
		if err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		objects = append(objects, linked)
	}
	for _, id := range slices.Sorted(maps.Keys(f.Users)) {
		user := &v1alpha1.ScimUser{ObjectMeta: metaOf(id)}
		if err := decodeSubject(f.Users[id].Raw, &user.Spec); err != nil {
			return nil, fmt.Errorf("users[%s]: %w", id, err)
		}
		objects = append(objects, user)
	}
	return append(objects, f.records()...), nil
}

func (f *Fixture) subject() (client.Object, error) {
	if f.Group != nil {
		group := &v1alpha1.ScimGroup{ObjectMeta: metaOf(f.ID)}
		if err := decodeSubject(f.Group.Raw, &group.Spec); err != nil {
			return nil, fmt.Errorf("group: %w", err)
		}
		return group, nil
	}
	user := &v1alpha1.ScimUser{ObjectMeta: metaOf(f.ID)}
	if err := decodeSubject(f.User.Raw, &user.Spec); err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	user.Spec.Groups = nil
	return user, nil
}

func (g FixtureGroup) id(i int) string {
	if g.ID != "" {
		return g.ID
	}
	return fmt.Sprintf("group-%d", i+1)
}

// linked is the record that is linked to the subject.
func (f *Fixture) linked(kind v1alpha1.RecordKind) (client.Object, error) {
	meta := metaOf(linkedRecord)
	switch kind {
	case v1alpha1.RecordOrganization:
		record := &v1alpha1.Organization{ObjectMeta: meta}
		err := decodeStrict(f.Record.Raw, &record.Spec)
		record.Spec.Source, record.Spec.SourceID = v1alpha1.SourceSCIM, f.ID
		return record, err
	case v1alpha1.RecordSite:
		record := &v1alpha1.Site{ObjectMeta: meta}
		err := decodeStrict(f.Record.Raw, &record.Spec)
		record.Spec.Source, record.Spec.SourceID = v1alpha1.SourceSCIM, f.ID
		return record, err
	}
	record := &v1alpha1.Person{ObjectMeta: meta}
	err := decodeStrict(f.Record.Raw, &record.Spec)
	record.Spec.Source, record.Spec.SourceID = v1alpha1.SourceSCIM, f.ID
	return record, err
}

// records are the groups of the user, which have it as their only member, the records and the endpoint.
func (f *Fixture) records() []client.Object {
	var objects []client.Object
	for i, group := range f.Groups {
		object := &v1alpha1.ScimGroup{ObjectMeta: metaOf(group.id(i))}
		object.Spec.Members = []v1alpha1.GroupMember{{ID: f.ID, Joined: int64(i)}}
		object.Spec.DisplayName, object.Spec.ExternalID, object.Spec.GroupType = group.DisplayName, group.ExternalID, group.GroupType
		object.Status.Classification = v1alpha1.ClassificationUnclassified
		if group.Site != "" {
			object.Status.Classification = v1alpha1.ClassificationSite
			object.Status.Site = &v1alpha1.RecordReference{Name: group.Site}
		}
		if group.Organization != "" {
			object.Status.Classification = v1alpha1.ClassificationOrganization
			object.Status.Organization = &v1alpha1.RecordReference{Name: group.Organization}
		}
		objects = append(objects, object)
	}
	for name, spec := range f.Persons {
		objects = append(objects, &v1alpha1.Person{ObjectMeta: metaOf(name), Spec: spec})
	}
	for name, spec := range f.Organizations {
		objects = append(objects, &v1alpha1.Organization{ObjectMeta: metaOf(name), Spec: spec})
	}
	for name, spec := range f.Sites {
		objects = append(objects, &v1alpha1.Site{ObjectMeta: metaOf(name), Spec: spec})
	}
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metaOf("endpoint")}
	endpoint.Spec.LinkExisting, endpoint.Spec.EmailDomains = f.Endpoint.LinkExisting, f.Endpoint.EmailDomains
	if name := f.Endpoint.DefaultOrganization; name != "" {
		endpoint.Spec.DefaultOrganization = &v1alpha1.RecordReference{Name: name}
	}
	return append(objects, endpoint)
}

func metaOf(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: FixtureNamespace, Name: name}
}

const (
	urnPrefix     = "urn:"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// ofProtocol are the attributes of a SCIM resource that are no part of a spec: they are
// read-only, never stored, or come from elsewhere.
var ofProtocol = []string{"schemas", "id", "meta", "groups", "members", "password"}

// decodeSubject reads the spec of a ScimUser or ScimGroup. It may be written as SCIM has
// it: with extensions under their URNs (RFC 7643 section 3.3) and the attributes of the
// protocol.
func decodeSubject(data []byte, into any) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return fmt.Errorf("is no object: %w", err)
	}
	extensions := map[string]json.RawMessage{}
	for name, value := range members {
		switch {
		case strings.EqualFold(name, enterpriseURN):
			members["enterprise"] = value
		case strings.HasPrefix(strings.ToLower(name), urnPrefix):
			extensions[name] = value
		case !slices.Contains(ofProtocol, name):
			continue
		}
		delete(members, name)
	}
	if len(extensions) > 0 {
		encoded, err := json.Marshal(extensions)
		if err != nil {
			return err
		}
		members["extensions"] = encoded
	}
	spec, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return decodeStrict(spec, into)
}

func decodeStrict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return fmt.Errorf("the field %s cannot hold a %s", wrong.Field, wrong.Value)
		}
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the object")
	}
	return nil
}
