package scim

import (
	"net/http"
	"net/url"
	"strings"
)

// BulkLimits are what /ServiceProviderConfig announces. 0 means no limit.
type BulkLimits struct {
	MaxOperations int
	// MaxPayloadSize is in bytes.
	MaxPayloadSize int
}

// BulkRequest is the body of a POST to /Bulk (RFC 7644 section 3.7).
type BulkRequest struct {
	// FailOnErrors is the number of failed operations after which no further one is
	// carried out; 0 means that all are.
	FailOnErrors int
	Operations   []BulkOperation
}

// BulkOperation is one request within a BulkRequest.
type BulkOperation struct {
	// Method is POST, PUT, PATCH or DELETE, or what the client wrote if it is none of them.
	Method string
	// BulkID is the client's name for the operation, and for the resource that a POST creates.
	BulkID string
	// Path is as the client wrote it.
	Path string

	version string
	rt      *ResourceType
	// id is that of the path, also in the form "bulkId:name".
	id string
	// data is the resource, or the body of a PATCH.
	data map[string]any
	// problem says why the operation cannot be carried out.
	problem *Error
	// finishing is that of its BulkCall.
	finishing bool
}

// bulkIDPrefix begins a reference to the resource that a POST of the same request creates.
const bulkIDPrefix = "bulkId:"

// ParseBulk reads the body of a POST to /Bulk. Names and methods may have any case,
// schemas may be missing, and so may the slash that begins a path.
//
// An operation that is wrong by itself does not make the request fail, as it
// would not if it came alone; Run reports it. Errors are 400: invalidSyntax for a
// body that is not a request of this form, invalidValue for failOnErrors; and 413
// for a request beyond the limits.
func ParseBulk(body []byte, limits BulkLimits) (*BulkRequest, error) {
	if limits.MaxPayloadSize > 0 && len(body) > limits.MaxPayloadSize {
		return nil, NewError(http.StatusRequestEntityTooLarge,
			"the bulk request has %d bytes; split it into requests of at most maxPayloadSize, %d", len(body), limits.MaxPayloadSize)
	}
	object, err := decodeObject(body)
	if err != nil {
		return nil, err
	}
	list, ok := member(object, "Operations").([]any)
	if !ok {
		return nil, invalidSyntax("the body needs an array Operations")
	}
	if limits.MaxOperations > 0 && len(list) > limits.MaxOperations {
		return nil, NewError(http.StatusRequestEntityTooLarge,
			"the bulk request has %d operations; split it into requests of at most maxOperations, %d", len(list), limits.MaxOperations)
	}
	b := &BulkRequest{Operations: make([]BulkOperation, len(list))}
	if b.FailOnErrors, err = failOnErrors(object); err != nil {
		return nil, err
	}
	for i, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, inOperation(i, invalidSyntax("an operation must be a JSON object"))
		}
		b.Operations[i].read(object)
	}
	b.refuseRepeatedIDs()
	return b, nil
}

// failOnErrors takes 0 for 1: a client that accepts no error wants to stop at the first.
func failOnErrors(object map[string]any) (int, error) {
	if member(object, "failOnErrors") == nil {
		return 0, nil
	}
	text, err := numberMember(object, "failOnErrors", TypeInvalidValue)
	if err != nil {
		return 0, err
	}
	n, err := parseInteger("failOnErrors", text, 1, TypeInvalidValue)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, invalidValue("failOnErrors must not be negative")
	}
	return max(n, 1), nil
}

// read fills in what is right, so that an answer can name the operation, and the first problem.
func (o *BulkOperation) read(object map[string]any) {
	for _, text := range []struct {
		name string
		into *string
	}{{"method", &o.Method}, {"bulkId", &o.BulkID}, {"path", &o.Path}, {"version", &o.version}} {
		var ok bool
		v := member(object, text.name)
		if *text.into, ok = v.(string); !ok && v != nil {
			o.refuse(invalidSyntax("%s must be a string", text.name))
		}
	}
	if method := strings.ToUpper(o.Method); bulkMethod(method) {
		o.Method = method
	} else {
		o.refuse(invalidSyntax("method must be POST, PUT, PATCH or DELETE"))
	}
	if o.Method == http.MethodPost && o.BulkID == "" {
		o.refuse(invalidValue("a POST needs a bulkId"))
	}
	o.readPath()
	if o.Method != http.MethodDelete {
		o.readData(member(object, "data"))
	}
}

func (o *BulkOperation) readData(data any) {
	object, ok := data.(map[string]any)
	switch {
	case data == nil:
		o.refuse(invalidValue("%s needs data", o.Method))
	case !ok:
		o.refuse(invalidSyntax("data must be a JSON object"))
	}
	o.data = object
	if o.rt == nil || o.Method == http.MethodPatch {
		return
	}
	// They are ignored; their references must not be waited for.
	for name := range object {
		if a := o.rt.Attribute(name); a != nil && a.Mutability == ReadOnly {
			delete(object, name)
		}
	}
}

func bulkMethod(method string) bool {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	default:
		return false
	}
}

// readPath reads "/Users" for a POST and "/Users/id" for the other methods.
func (o *BulkOperation) readPath() {
	endpoint, id, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(o.Path), "/"), "/")
	for _, rt := range ResourceTypes() {
		if rt.Endpoint == "/"+endpoint {
			o.rt = rt
		}
	}
	id, err := url.PathUnescape(strings.TrimSuffix(id, "/"))
	switch {
	case o.Path == "":
		o.refuse(invalidValue("an operation needs a path"))
	case o.rt == nil || err != nil || strings.ContainsAny(id, "/?#"):
		o.refuse(NewError(http.StatusNotFound, "path must be like /Users or /Users/{id}, or the same with /Groups"))
	case o.Method == http.MethodPost && id != "":
		o.refuse(invalidValue("a POST goes to %s, without an id", o.rt.Endpoint))
	case o.Method != http.MethodPost && id == "":
		o.refuse(invalidValue("a %s goes to one resource: %s/{id}", o.Method, o.rt.Endpoint))
	default:
		o.id = id
	}
}

func (o *BulkOperation) refuse(problem *Error) {
	if o.problem == nil {
		o.problem = problem
	}
}

// refuseRepeatedIDs refuses all POSTs that share a bulkId: a reference to it could mean either.
func (b *BulkRequest) refuseRepeatedIDs() {
	first := map[string]int{}
	for i := range b.Operations {
		o := &b.Operations[i]
		if o.Method != http.MethodPost || o.BulkID == "" {
			continue
		}
		j, repeated := first[o.BulkID]
		if !repeated {
			first[o.BulkID] = i
			continue
		}
		for _, o := range []*BulkOperation{o, &b.Operations[j]} {
			o.refuse(invalidValue("more than one POST has this bulkId"))
		}
	}
}
