-- A journal as version 3 of the tables kept it: see test_journal_place.py.
BEGIN TRANSACTION;
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	named TEXT NOT NULL, 
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
INSERT INTO "attempts" VALUES(1,1,'ref:INV-1',1,1,'ref:INV-1',2,X'224DC663C7C27F722B893C67ADF020FEC8003F512ED5A12B999BEEDD1D5C8E93','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":"","language":""}',25000,1,'2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','created','fdc7cc61-c9c9-4ba0-bfe0-d67af362204b',201,'[]');
INSERT INTO "attempts" VALUES(2,1,'ref:INV-2',1,1,'ref:INV-2',3,X'CA2B719D4B3A4F1924F840D1C4F2700B6DB8F2E52DE10404A5D80A4D3AF9BA73','{"reference_id":"INV-2","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":"","language":""}',25000,1,'2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','created','e8d6233c-3c32-4c7b-a92e-6bb8b9833025',201,'[]');
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
CREATE TABLE decisions (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	row_number INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	note TEXT NOT NULL, 
	who TEXT NOT NULL, 
	decided_at TEXT NOT NULL, 
	reasons TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
CREATE TABLE evidence (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	proof TEXT NOT NULL, 
	payment_key TEXT NOT NULL, 
	file TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	sheet TEXT NOT NULL, 
	line INTEGER NOT NULL, 
	reported_on TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	recorded_at TEXT NOT NULL, 
	who TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
CREATE TABLE migrations (
	version INTEGER NOT NULL, 
	applied_at TEXT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "migrations" VALUES(1,'2026-11-29T11:54:47.814574+00:00');
INSERT INTO "migrations" VALUES(2,'2026-11-29T11:54:47.823578+00:00');
INSERT INTO "migrations" VALUES(3,'2026-11-29T11:54:47.835568+00:00');
CREATE TABLE outputs (
	id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	batch TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	written_at TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE rows (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	cells TEXT NOT NULL, 
	kinds TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	named TEXT NOT NULL, 
	fingerprint BLOB, 
	payment TEXT, 
	amount_cents BIGINT, 
	send_link BOOLEAN, 
	faults TEXT NOT NULL, 
	notices TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	hold TEXT, 
	came_from INTEGER NOT NULL, 
	came_from_file TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	supersedes BIGINT, 
	superseded_by BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (run_id, position), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "rows" VALUES(1,1,0,2,'["INV-1","Zoe","Tremblay","zoe@example.com","250.00",""]','sssssn','ref:INV-1','ref:INV-1',X'224DC663C7C27F722B893C67ADF020FEC8003F512ED5A12B999BEEDD1D5C8E93','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":"","language":""}',25000,1,'[]','[]','send',NULL,0,'','',NULL,4);
INSERT INTO "rows" VALUES(2,1,1,3,'["INV-2","Zoe","Tremblay","zoe@example.com","250.00",""]','sssssn','ref:INV-2','ref:INV-2',X'CA2B719D4B3A4F1924F840D1C4F2700B6DB8F2E52DE10404A5D80A4D3AF9BA73','{"reference_id":"INV-2","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":"","language":""}',25000,1,'[]','[]','send',NULL,0,'','',NULL,5);
INSERT INTO "rows" VALUES(3,1,2,4,'["INV-3","Zoe","Tremblay","zoe@example.com","250.00",""]','sssssn','ref:INV-3','ref:INV-3',NULL,NULL,25000,NULL,'[{"code":"email-invalid","field":"email","value":"zoe@@example.com","details":[]}]','[]','invalid',NULL,0,'','',NULL,6);
INSERT INTO "rows" VALUES(4,2,0,2,'["INV-1","Zoe","Tremblay","zoe@example.com","250.00",""]','sssssn','ref:INV-1','ref:INV-1',X'224DC663C7C27F722B893C67ADF020FEC8003F512ED5A12B999BEEDD1D5C8E93','{"reference_id":"INV-1","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":"","language":""}',25000,1,'[]','[]','keep',NULL,0,'','',1,NULL);
INSERT INTO "rows" VALUES(5,2,1,3,'["INV-2","Zoe","Tremblay","zoe@example.com","250.00",""]','sssssn','ref:INV-2','ref:INV-2',X'CA2B719D4B3A4F1924F840D1C4F2700B6DB8F2E52DE10404A5D80A4D3AF9BA73','{"reference_id":"INV-2","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":"","language":""}',25000,1,'[]','[]','keep',NULL,0,'','',2,NULL);
INSERT INTO "rows" VALUES(6,2,2,4,'["INV-3","Zoe","Tremblay","zoe@example.com","250.00",""]','sssssn','ref:INV-3','ref:INV-3',X'9F70BD58A11B37BE38C0CDCFCB42479D6A914F106EFE416BA9F54864BBC8B1F7','{"reference_id":"INV-3","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"250.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":"","language":""}',25000,1,'[]','[]','send',NULL,0,'','',3,NULL);
INSERT INTO "rows" VALUES(7,2,3,5,'["INV-4","Zoe","Tremblay","zoe@example.com","9.00",""]','sssssn','ref:INV-4','ref:INV-4',X'92FABB4E897966BF57314EB2AC4A5CCE3657FC7EAB06C9CB9CFF79A956E29CDB','{"reference_id":"INV-4","first_name":"Zoe","last_name":"Tremblay","email":"zoe@example.com","amount":"9.00","send_link":true,"direction":"DEBIT","middle_name":"","institution_code":"","transit_number":"","account_number":"","language":""}',900,1,'[]','[]','send',NULL,0,'','',NULL,NULL);
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
	accepted_at TEXT, 
	sheet_id BIGINT, 
	partial BOOLEAN NOT NULL, 
	ended_at TEXT, 
	exit_code INTEGER, 
	stopped TEXT NOT NULL, 
	stopped_details TEXT NOT NULL, 
	approval TEXT, 
	controls TEXT NOT NULL, 
	notices TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
INSERT INTO "runs" VALUES(1,1,'run','billing.csv','0000000000000000000000000000000000000000000000000000000000000000','','https://api.example.com','[{"index":0,"heading":"Invoice","field":"referenceId","why":"own","number_format":"","other_formats":[],"letter":""},{"index":1,"heading":"First","field":"firstName","why":"own","number_format":"","other_formats":[],"letter":""},{"index":2,"heading":"Last","field":"lastName","why":"own","number_format":"","other_formats":[],"letter":""},{"index":3,"heading":"Email","field":"email","why":"own","number_format":"","other_formats":[],"letter":""},{"index":4,"heading":"Amount","field":"amount","why":"own","number_format":"","other_formats":[],"letter":""},{"index":5,"heading":"Contract","field":null,"why":"own","number_format":"","other_formats":[],"letter":""}]','["referenceId"]','2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00',1,0,NULL,NULL,'','{}',NULL,'[]','[]');
INSERT INTO "runs" VALUES(2,1,'run','billing.csv','0000000000000000000000000000000000000000000000000000000000000000','','https://api.example.com','[{"index":0,"heading":"Invoice","field":"referenceId","why":"own","number_format":"","other_formats":[],"letter":""},{"index":1,"heading":"First","field":"firstName","why":"own","number_format":"","other_formats":[],"letter":""},{"index":2,"heading":"Last","field":"lastName","why":"own","number_format":"","other_formats":[],"letter":""},{"index":3,"heading":"Email","field":"email","why":"own","number_format":"","other_formats":[],"letter":""},{"index":4,"heading":"Amount","field":"amount","why":"own","number_format":"","other_formats":[],"letter":""},{"index":5,"heading":"Contract","field":null,"why":"own","number_format":"","other_formats":[],"letter":""}]','["referenceId"]','2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00','2026-11-24T12:00:00.000000+00:00',1,0,NULL,NULL,'','{}',NULL,'[]','[]');
CREATE TABLE states (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	session_id TEXT NOT NULL, 
	session_status TEXT NOT NULL, 
	transactions TEXT NOT NULL, 
	amount_cents BIGINT, 
	known BOOLEAN NOT NULL, 
	since TEXT NOT NULL, 
	asked_at TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(batch_id) REFERENCES batches (id)
);
CREATE INDEX runs_by_file ON runs (sha256);
CREATE INDEX ix_runs_batch_id ON runs (batch_id);
CREATE INDEX ix_evidence_batch_id ON evidence (batch_id);
CREATE INDEX ix_states_batch_id ON states (batch_id);
CREATE INDEX ix_states_session_id ON states (session_id);
CREATE INDEX ix_decisions_batch_id ON decisions (batch_id);
CREATE INDEX attempts_by_fingerprint ON attempts (fingerprint);
CREATE INDEX attempts_by_name ON attempts (named);
CREATE INDEX attempts_by_session ON attempts (session_id);
CREATE INDEX attempts_by_run ON attempts (run_id);
COMMIT;
