package scim

import (
	"net/http"
	"slices"
	"strconv"
)

// BulkCall is one request of a bulk job as it is to be carried out, with ids in
// the place of references.
type BulkCall struct {
	// Method is POST, PUT, PATCH or DELETE.
	Method string
	Type   *ResourceType
	// ID is empty for a POST.
	ID string
	// Version is what If-Match would say, or empty.
	Version string
	// Data is the body.
	Data []byte
	// Finishing says that the call completes or undoes a circle that has been begun. The
	// client did not ask for it, and nothing but the end of all time should keep it back.
	Finishing bool
}

// BulkResult is the outcome of a BulkCall. Err is nil if it succeeded.
type BulkResult struct {
	Status int
	// ID is that of the created resource. It is looked at after a POST only.
	ID string
	// Version is the entity tag afterwards, or empty.
	Version string
	Err     *Error
}

// BulkResponse is the answer to a BulkRequest (RFC 7644 section 3.7.3), with the
// operations that were carried out, in the client's order.
type BulkResponse struct {
	Operations []BulkOutcome
}

// BulkOutcome is what became of one operation.
type BulkOutcome struct {
	Method  string
	BulkID  string
	Version string
	// Location is empty if there is no resource.
	Location string
	Status   int
	// Err is nil if the operation succeeded.
	Err *Error
}

// Run carries out the operations by call, one after the other, in the client's
// order but for this: a POST comes before what refers to it.
//
// Resources that refer to each other in a circle are created without these
// references, which a PATCH then adds to each. They are created all or none: if one
// step fails, what was created is deleted again, and the other operations of the circle
// are 409. So call also gets requests that the client did not make: those with Finishing.
//
// A reference to what no operation creates, or to what could not be created, is
// 400 invalidValue. After FailOnErrors failures nothing further is begun.
// baseURL is that of the SCIM endpoint; it may end with a slash.
func (b *BulkRequest) Run(baseURL string, call func(BulkCall) BulkResult) *BulkResponse {
	r := &bulkRun{request: b, baseURL: baseURL, call: call, ids: map[string]string{}, outcomes: make([]*BulkOutcome, len(b.Operations))}
	uses := b.uses()
	for _, component := range b.order() {
		if b.FailOnErrors > 0 && r.failures >= b.FailOnErrors {
			break
		}
		if len(component) > 1 || slices.Contains(uses[component[0]], component[0]) {
			r.createCircle(component)
			continue
		}
		o := &b.Operations[component[0]]
		result := r.carryOut(o, o.data)
		r.report(component[0], result)
	}
	response := &BulkResponse{}
	for _, outcome := range r.outcomes {
		if outcome != nil {
			response.Operations = append(response.Operations, *outcome)
		}
	}
	return response
}

type bulkRun struct {
	request *BulkRequest
	baseURL string
	call    func(BulkCall) BulkResult
	// ids has what was created, by bulkId.
	ids map[string]string
	// outcomes has nil for what was not carried out.
	outcomes []*BulkOutcome
	failures int
}

// carryOut carries out an operation with the data given.
func (r *bulkRun) carryOut(o *BulkOperation, data map[string]any) BulkResult {
	if o.problem != nil {
		return BulkResult{Err: o.problem}
	}
	id, resolved, known := o.withIDs(data, r.ids)
	if !known {
		return BulkResult{Err: invalidValue("the operation refers to a bulkId that no POST of this request has, or whose POST failed")}
	}
	c := BulkCall{Method: o.Method, Type: o.rt, ID: id, Version: o.version, Finishing: o.finishing}
	if data != nil {
		c.Data = encodeJSON(resolved)
	}
	result := r.call(c)
	if result.Err == nil && o.Method == http.MethodPost {
		r.ids[o.BulkID] = result.ID
	}
	return result
}

// createCircle carries out POSTs that refer to each other, all or none.
func (r *bulkRun) createCircle(component []int) {
	results := make([]BulkResult, len(component))
	failed := r.tryCircle(component, results)
	for k, i := range component {
		if failed {
			results[k].Err = r.undo(&r.request.Operations[i], results[k].Err)
		}
		r.report(i, results[k])
	}
}

// tryCircle fills in the results until one fails.
func (r *bulkRun) tryCircle(component []int, results []BulkResult) (failed bool) {
	bulkIDs := map[string]bool{}
	for _, i := range component {
		bulkIDs[r.request.Operations[i].BulkID] = true
	}
	later := make([]map[string]any, len(component))
	for k, i := range component {
		o := &r.request.Operations[i]
		var now map[string]any
		now, later[k] = o.rt.splitReferences(o.data, bulkIDs)
		if results[k] = r.carryOut(o, now); results[k].Err != nil {
			return true
		}
	}
	for k, i := range component {
		addition := BulkOperation{Method: http.MethodPatch, rt: r.request.Operations[i].rt, id: results[k].ID, finishing: true}
		result := r.carryOut(&addition, map[string]any{
			"schemas":    []any{PatchOpURN},
			"Operations": []any{map[string]any{"op": string(OpAdd), "value": later[k]}},
		})
		if result.Err != nil {
			results[k].Err = NewError(http.StatusConflict, "the circular references cannot be resolved: %s", result.Err.Detail)
			return true
		}
		results[k].Version = result.Version
	}
	return false
}

// undo deletes what an operation of a circle has created, and returns the error to report for it.
func (r *bulkRun) undo(o *BulkOperation, err *Error) *Error {
	if err == nil {
		err = NewError(http.StatusConflict, "the circular references cannot be resolved: another operation of the circle failed")
	}
	id, created := r.ids[o.BulkID]
	if !created {
		return err
	}
	delete(r.ids, o.BulkID)
	result := r.call(BulkCall{Method: http.MethodDelete, Type: o.rt, ID: id, Finishing: true})
	if result.Err == nil {
		return err
	}
	left := *err
	left.Detail += "; " + Location(r.baseURL, o.rt, id) + " was created and could not be deleted again: " + result.Err.Detail
	return &left
}

func (r *bulkRun) report(i int, result BulkResult) {
	o := &r.request.Operations[i]
	outcome := &BulkOutcome{Method: o.Method, BulkID: o.BulkID, Version: result.Version, Status: result.Status, Err: result.Err}
	id := result.ID
	if o.Method != http.MethodPost {
		// The path may refer to what could not be created, and then names nothing.
		id, _, _ = o.withIDs(nil, r.ids)
	}
	if result.Err != nil {
		r.failures++
		outcome.Status, outcome.Version = result.Err.Status, ""
		if o.Method == http.MethodPost {
			id = ""
		}
	}
	if o.rt != nil && id != "" {
		outcome.Location = Location(r.baseURL, o.rt, id)
	}
	r.outcomes[i] = outcome
}

// Encode returns the message as JSON.
func (b *BulkResponse) Encode() []byte {
	out := append([]byte(`{"schemas":["`), BulkResponseURN...)
	out = append(out, `"],"Operations":[`...)
	for i := range b.Operations {
		if i > 0 {
			out = append(out, ',')
		}
		out = b.Operations[i].append(out)
	}
	return append(out, ']', '}')
}

func (o *BulkOutcome) append(out []byte) []byte {
	out = appendString(append(out, `{"method":`...), o.Method)
	for _, text := range []struct{ name, value string }{{"bulkId", o.BulkID}, {"version", o.Version}, {"location", o.Location}} {
		if text.value != "" {
			out = append(appendString(append(out, ','), text.name), ':')
			out = appendString(out, text.value)
		}
	}
	out = append(out, `,"status":"`...)
	out = strconv.AppendInt(out, int64(o.Status), 10)
	out = append(out, '"')
	if o.Err != nil {
		out = append(out, `,"response":`...)
		out = append(out, o.Err.Encode()...)
	}
	return append(out, '}')
}

// encodeJSON returns a value that decodeJSON gave as JSON again.
func encodeJSON(v any) []byte {
	e := encoder{}
	e.value(v)
	return e.out
}
