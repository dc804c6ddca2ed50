-- A journal as version 1 of the tables kept it, with one payment under a key of the user's own column.
BEGIN TRANSACTION;
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	row_number INTEGER NOT NULL, 
	fingerprint BLOB NOT NULL, 
	content TEXT NOT NULL, 
	amount_cents BIGINT, 
	send_link BOOLEAN NOT NULL, 
	intended_at TEXT NOT NULL, 
	settled_at TEXT, 
	outcome TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	http_status INTEGER, 
	reasons TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (batch_id, identity, number), 
	FOREIGN KEY(batch_id) REFERENCES batches (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "attempts" VALUES(1,1,'key:["c1"]',1,1,2,X'224DC663C7C27F722B893C67ADF020FEC8003F512ED5A12B999BEEDD1D5C8E93','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',25000,1,'2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','created','11111111-2222-4333-8444-555555555555',201,'[]');
CREATE TABLE batches (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	purged_at TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (name, environment)
);
INSERT INTO "batches" VALUES(1,'billing','https://api.example.com','2026-11-24T12:00:00.000000+00:00',NULL);
CREATE TABLE migrations (
	version INTEGER NOT NULL, 
	applied_at TEXT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "migrations" VALUES(1,'2026-11-24T18:51:32.611702+00:00');
CREATE TABLE rows (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	cells TEXT NOT NULL, 
	kinds TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	fingerprint BLOB, 
	payment TEXT, 
	amount_cents BIGINT, 
	send_link BOOLEAN, 
	faults TEXT NOT NULL, 
	notices TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	hold TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "rows" VALUES(1,1,0,2,'["INV-1","Zoe","Tremblay","zoe@example.com","250.00","c1"]','sssssn','key:["c1"]',X'224DC663C7C27F722B893C67ADF020FEC8003F512ED5A12B999BEEDD1D5C8E93','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":""}',25000,1,'[]','[]','send',NULL);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	purpose TEXT NOT NULL, 
	file TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	sheet TEXT NOT NULL, 
	base_url TEXT NOT NULL, 
	columns TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	started_at TEXT NOT NULL, 
	staged_at TEXT, 
	ended_at TEXT, 
	exit_code INTEGER, 
	stopped TEXT NOT NULL, 
	stopped_details TEXT NOT NULL, 
	controls TEXT NOT NULL, 
	notices TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
INSERT INTO "runs" VALUES(1,1,'run','billing.csv','0000000000000000000000000000000000000000000000000000000000000000','','https://api.example.com','[{"index":0,"heading":"Invoice","field":"referenceId","why":"own","number_format":""},{"index":1,"heading":"First","field":"firstName","why":"own","number_format":""},{"index":2,"heading":"Last","field":"lastName","why":"own","number_format":""},{"index":3,"heading":"Email","field":"email","why":"own","number_format":""},{"index":4,"heading":"Amount","field":"amount","why":"own","number_format":""},{"index":5,"heading":"Contract","field":null,"why":"own","number_format":""}]','["Contract"]','2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00',NULL,NULL,'','{}','[]','[]');
CREATE INDEX ix_runs_batch_id ON runs (batch_id);
CREATE INDEX attempts_by_fingerprint ON attempts (fingerprint);
COMMIT;
