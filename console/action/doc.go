// Package action is what people do from the terminal and from the console's pages: each action is one function, whose
// client acts as the caller, so that the API server authorises every write.
package action
