package directory

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/applied"
	"rservice.dev/scim-operator/api/digest"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// BenchmarkHeap tells how many bytes of live heap the caches take for each user of a large tenant, by kind: the objects as
// they are after the cache's transforms, in client-go's store, without and with all indexes that a replica has, those of the
// SCIM server included. A replica has one of each, and the server's order of ids, 16 to 32 bytes. Only the numbers of bytes
// mean something.
func BenchmarkHeap(b *testing.B) {
	for _, kind := range []struct {
		name      string
		make      func(i int) client.Object
		transform toolscache.TransformFunc
	}{
		{"ScimUser", func(i int) client.Object { return userNumber(i) }, digest.Strip},
		{"Person", func(i int) client.Object { return personNumber(i) }, applied.Strip},
		{"Execution, whole", func(i int) client.Object { return executionNumber(i) }, cache.TransformStripManagedFields()},
		{"Execution", func(i int) client.Object { return executionNumber(i) }, digest.Strip},
	} {
		b.Run(kind.name, func(b *testing.B) {
			const users = 100000
			own := reflect.TypeOf(kind.make(0))
			var indexed []membership.Index
			for _, index := range allIndexes() {
				if reflect.TypeOf(index.Object) == own {
					indexed = append(indexed, index)
				}
			}
			for b.Loop() {
				bare := heapOf(b, users, kind.make, kind.transform, nil)
				whole := heapOf(b, users, kind.make, kind.transform, indexed)
				b.ReportMetric(bare, "B/object")
				b.ReportMetric(whole-bare, "B/indexes")
			}
		})
	}
}

// heapOf fills a store as an informer does and returns what it takes of the heap for each object.
func heapOf(b *testing.B, count int, object func(int) client.Object, transform toolscache.TransformFunc, indexes []membership.Index) float64 {
	b.Helper()
	indexers := toolscache.Indexers{}
	for _, i := range indexes {
		// As kube.IndexPerNamespace does.
		indexers[i.Name] = func(o any) ([]string, error) {
			var keys []string
			if object, ok := o.(client.Object); ok {
				for _, key := range i.Keys(object) {
					keys = append(keys, object.GetNamespace()+"/"+key)
				}
			}
			return keys, nil
		}
	}
	before := liveHeap()
	store := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, indexers)
	for n := range count {
		kept, err := transform(decoded(b, object(n)))
		if err != nil {
			b.Fatal(err)
		}
		if err := store.Add(kept); err != nil {
			b.Fatal(err)
		}
	}
	after := liveHeap()
	runtime.KeepAlive(store)
	return float64(after-before) / float64(count)
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func idNumber(i int) string { return fmt.Sprintf("01980000-0000-7000-8000-%012x", i) }

// decoded gives an object strings of its own, as one from the API server has.
func decoded(b *testing.B, object client.Object) client.Object {
	b.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		b.Fatal(err)
	}
	copied, ok := reflect.TypeAssert[client.Object](reflect.New(reflect.TypeOf(object).Elem()))
	if !ok {
		b.Fatalf("%T has no metadata", object)
	}
	if err := json.Unmarshal(data, copied); err != nil {
		b.Fatal(err)
	}
	return copied
}

func metaNumber(i int, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "acme", Name: name, UID: types.UID(idNumber(i)), ResourceVersion: strconv.Itoa(1000000 + i), Generation: 1,
		CreationTimestamp: metav1.Unix(1_800_000_000, 0),
	}
}

func userNumber(i int) *v1alpha1.ScimUser {
	name := fmt.Sprint("user.number-", i)
	meta := metaNumber(i, idNumber(i))
	meta.Finalizers = []string{v1alpha1.FinalizerDeprovision}
	at := v1alpha1.NewTimestamp(time.Unix(1_800_000_000, 0))
	return &v1alpha1.ScimUser{
		ObjectMeta: meta,
		Spec: v1alpha1.ScimUserSpec{
			UserName: name + "@example.com", ExternalID: fmt.Sprint("00u", i, "abcdefghij"), DisplayName: fmt.Sprint("Number ", i), Active: new(true),
			Name: &v1alpha1.ScimName{GivenName: "Number", FamilyName: strconv.Itoa(i)}, Title: "Engineer",
			Emails:       []v1alpha1.ScimValue{{Value: name + "@example.com", Type: "work", Primary: new(true)}},
			PhoneNumbers: []v1alpha1.ScimValue{{Value: fmt.Sprint("+1555", i), Type: "work"}},
			Enterprise: &v1alpha1.ScimEnterprise{
				EmployeeNumber: strconv.Itoa(i), Organization: fmt.Sprint("Organization ", i%100), Manager: &v1alpha1.ScimManager{Value: idNumber(i / 10)},
			},
			ProvisionedAt: at, LastModified: at, LastRequest: v1alpha1.LastRequest{RequestID: idNumber(i), TokenID: "a1b2c3d4e5f6"},
		},
		Status: v1alpha1.ScimUserStatus{
			ObservedGeneration: 1, Person: &v1alpha1.RecordReference{Name: personName(i)},
			Conditions: []metav1.Condition{{
				Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady, ObservedGeneration: 1,
				LastTransitionTime: metav1.Unix(1_800_000_000, 0), Message: "The rules have run and the user is linked to a Person.",
			}},
		},
	}
}

func personName(i int) string { return fmt.Sprintf("person-%026d", i) }

func personNumber(i int) *v1alpha1.Person {
	return &v1alpha1.Person{
		ObjectMeta: metaNumber(i, personName(i)),
		Spec: v1alpha1.PersonSpec{
			Name: fmt.Sprint("Number ", i), PrimaryEmail: fmt.Sprint("user.number-", i, "@example.com"), JobTitle: "Engineer",
			Organization: &v1alpha1.RecordReference{Name: fmt.Sprint("organization-", i%100)}, Manager: &v1alpha1.RecordReference{Name: personName(i / 10)},
			EmployeeID: strconv.Itoa(i), Source: v1alpha1.SourceSCIM, SourceID: idNumber(i),
			Contacts: []v1alpha1.PersonContact{{Protocol: v1alpha1.ContactTelephone, Label: "work", URI: fmt.Sprint("+1555", i), Integration: true}},
		},
	}
}

func executionNumber(i int) *v1alpha1.AutomationRuleExecution {
	const rule = "default-user-mapping"
	meta := metaNumber(i, rule+"-"+idNumber(i))
	meta.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: string(v1alpha1.SubjectScimUser), Name: idNumber(i), UID: types.UID(idNumber(i)),
	}}
	execution := &v1alpha1.AutomationRuleExecution{
		ObjectMeta: meta,
		Spec:       v1alpha1.AutomationRuleExecutionSpec{Rule: rule, Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: idNumber(i)}},
		Status: v1alpha1.AutomationRuleExecutionStatus{
			Conditions: []metav1.Condition{{
				Type: v1alpha1.ConditionSucceeded, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonApplied, LastTransitionTime: metav1.Unix(1_800_000_000, 0),
				Message: "rule default-user-mapping creates it with name, primaryEmail, jobTitle, organization, manager, employeeID, contacts, source, sourceID",
			}},
			Result: v1alpha1.ResultSucceeded, Trigger: v1alpha1.TriggerCreated, Time: v1alpha1.NewTimestamp(time.Unix(1_800_000_000, 0)),
			RuleGeneration: 1, SubjectGeneration: 1, RequestID: idNumber(i),
			Record:    &v1alpha1.TargetReference{Kind: v1alpha1.RecordPerson, Name: personName(i)},
			Condition: &v1alpha1.ConditionResult{Result: metav1.ConditionTrue},
			Expressions: []v1alpha1.ExpressionResult{
				{Name: "email", Value: fmt.Sprint("user.number-", i, "@example.com")}, {Name: "name", Value: fmt.Sprint("Number ", i)},
				{Name: "organization", Value: fmt.Sprint("organization-", i%100)}, {Name: "manager", Value: personName(i / 10)},
			},
		},
	}
	for _, field := range []string{"name", "primaryEmail", "jobTitle", "organization", "manager", "employeeID", "contacts", "source", "sourceID"} {
		execution.Status.Changes = append(execution.Status.Changes, v1alpha1.FieldChange{Field: field, To: fmt.Sprint("to ", field, " ", i)})
	}
	return execution
}
