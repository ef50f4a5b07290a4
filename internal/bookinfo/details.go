package bookinfo

import "net/http"

// bookDetails is the answer of GET /details/ID. Year is any because other implementations answer a date in it.
type bookDetails struct {
	ID        int    `json:"id"`
	Author    string `json:"author"`
	Year      any    `json:"year"`
	Type      string `json:"type"`
	Pages     int    `json:"pages"`
	Publisher string `json:"publisher"`
	Language  string `json:"language"`
	ISBN10    string `json:"ISBN-10"`
	ISBN13    string `json:"ISBN-13"`
}

// newDetails serves GET /details/ID and /health.
func newDetails() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", healthy("Details is healthy"))
	mux.HandleFunc("GET /details/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, ok := productID(w, r)
		if !ok {
			return
		}
		writeJSON(w, http.StatusOK, bookDetails{
			ID: id, Author: "William Shakespeare", Year: 1595, Type: "paperback", Pages: 112,
			Publisher: "Two Dromios Press", Language: "English", ISBN10: "0000001597", ISBN13: "978-0-00-000159-7",
		})
	})
	return mux
}
