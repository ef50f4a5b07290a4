package bookinfo

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// failure is the JSON answer of a request that failed.
type failure struct {
	Error string `json:"error"`
}

// health is the JSON answer of GET /health.
type health struct {
	Status string `json:"status"`
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client has gone: nobody to tell
}

func healthy(status string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, health{status}) }
}

// productID reads the {id} of the path, or answers 400 and returns false.
func productID(w http.ResponseWriter, r *http.Request) (int, bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		writeJSON(w, http.StatusBadRequest, failure{"the product ID in the path must be a number"})
		return 0, false
	}
	return id, true
}
